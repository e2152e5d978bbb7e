use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::counts::Counted;
use crate::fact::{FactName, SharedFact, StoreKeys, ValueKey};
use crate::fleet::{Fleet, nonce};
use crate::lease::{LEASE_LIFE, LEASE_RENEWAL, LeaseValue};
use crate::store::{Down, EntryId};

/// Right to ask a provider for the fleet. It is renewed until it is used or dropped.
#[derive(Debug)]
pub struct Lease {
    end: oneshot::Sender<Filling>,
    /// Ends the renewal when it is dropped.
    _alive: mpsc::Sender<()>,
}

/// Answer of the provider, to be stored for the others.
#[derive(Debug)]
pub struct Filling {
    /// Bytes for the others.
    pub bytes: Vec<u8>,
    /// Moment of the request, by [`Clock::elapsed`](introspectd_core::Clock::elapsed).
    pub asked_at: Duration,
    /// Time until which it may be used, from now on.
    pub life: Duration,
    /// False for a token that its provider does not know.
    pub is_record: bool,
}

/// Deadline for storing an answer, which nobody waits for.
const FILL_DEADLINE: Duration = Duration::from_secs(1);

impl Fleet {
    pub(crate) fn lease_value(&self, keys: &StoreKeys) -> Result<Vec<u8>, Down> {
        let now = self.store_clock.latest(self.clock.elapsed());
        let now = now.ok_or_else(|| Down("the store's time is unknown".to_owned()))?;
        let nonce = nonce().map_err(|error| Down(error.to_string()))?;
        Ok(LeaseValue::new(nonce, now).sign(&keys.lease, &self.keyring.current.leases))
    }

    /// Keeps a lease until it is used or dropped.
    pub(crate) fn lease(
        self: &Arc<Self>,
        name: &FactName<'_>,
        keys: StoreKeys,
        value: Vec<u8>,
    ) -> Result<Lease, Down> {
        let value_key = name
            .value_key(&self.keyring.current)
            .map_err(|error| Down(error.to_string()))?;
        let asked_after = self.order().index.last();
        let asked_after = asked_after.ok_or_else(|| Down("nothing was read yet".to_owned()))?;
        let (end, ended) = oneshot::channel();
        let (alive, dropped) = mpsc::channel(1);
        let held = Held {
            fleet: Arc::clone(self),
            keys,
            value,
            value_key,
            asked_after,
        };
        drop(self.runtime.spawn(held.run(ended, dropped)));
        Ok(Lease { end, _alive: alive })
    }
}

impl Lease {
    /// Stores the provider's answer for the others, in the background.
    pub fn fill(self, filling: Filling) {
        // The task that renews the lease outlives it.
        drop(self.end.send(filling));
    }
}

/// Lease that is being renewed.
struct Held {
    fleet: Arc<Fleet>,
    keys: StoreKeys,
    value: Vec<u8>,
    value_key: ValueKey,
    asked_after: EntryId,
}

impl Held {
    async fn run(mut self, ended: oneshot::Receiver<Filling>, mut dropped: mpsc::Receiver<()>) {
        let mut ended = std::pin::pin!(ended);
        let mut renewal = Instant::now() + LEASE_RENEWAL;
        loop {
            tokio::select! {
                biased;
                filling = &mut ended => {
                    match filling {
                        Ok(filling) => self.fill(filling).await,
                        Err(_) => self.release().await,
                    }
                    return;
                }
                _ = dropped.recv() => {
                    // Dropped together with the other end, or just after it was used.
                    match ended.try_recv() {
                        Ok(filling) => self.fill(filling).await,
                        Err(_) => self.release().await,
                    }
                    return;
                }
                () = sleep_until(renewal) => {
                    renewal = Instant::now() + LEASE_RENEWAL;
                    self.renew().await;
                }
            }
        }
    }

    async fn renew(&mut self) {
        let Ok(value) = self.fleet.lease_value(&self.keys) else {
            return;
        };
        let store = &self.fleet.store;
        let replaced = store.replace(&self.keys.lease, &self.value, &value, LEASE_LIFE);
        if let Ok(true) = self.fleet.within(LEASE_RENEWAL, replaced).await {
            self.value = value;
        }
    }

    async fn fill(self, filling: Filling) {
        let Ok(_permit) = self.fleet.fills.try_acquire() else {
            return self.release().await;
        };
        let now = self.fleet.clock.elapsed();
        let is_admitted = filling.is_record || self.fleet.unknowns.admits(now);
        let asked_at = self.fleet.store_clock.earliest(filling.asked_at);
        let (Some(asked_at), true) = (asked_at, is_admitted && !filling.life.is_zero()) else {
            return self.release().await;
        };
        let key = match filling.is_record {
            true => &self.keys.fact,
            false => &self.keys.unknown,
        };
        let fact = SharedFact {
            asked_after: self.asked_after,
            asked_at,
            bytes: filling.bytes,
        };
        let Ok(value) = self.value_key.seal(key, &fact) else {
            return self.release().await;
        };
        let store = &self.fleet.store;
        let filled = store.fill(&self.keys.lease, &self.value, key, &value, filling.life);
        if let Ok(true) = self.fleet.within(FILL_DEADLINE, filled).await {
            self.fleet.counts.add(Counted::Stored);
        }
    }

    async fn release(&self) {
        let deleted = self.fleet.store.delete(&self.keys.lease, &self.value);
        // It ends by itself otherwise.
        let _ = self.fleet.within(FILL_DEADLINE, deleted).await;
    }
}
