use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::counts::Counted;
use crate::fact::{FactName, SharedFact, StoreKeys};
use crate::fleet::Fleet;
use crate::holding::Lease;
use crate::index::Place;
use crate::lease::{LEASE_LIFE, LeaseValue};
use crate::store::{Down, Taken};
use crate::time::Backoff;

/// Outcome of a lookup in the shared tier.
#[derive(Debug)]
pub enum Found<T> {
    /// Fact of another replica, as this one has read it.
    Fact(T),
    /// Nothing, and the provider is for this replica to ask: the only one of the fleet, while the
    /// lease exists.
    Lease(Lease),
    /// Nothing, and no lease: the store cannot be used.
    Unavailable,
}

/// Fact of another replica, in the terms of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Bytes that the other replica stored.
    pub bytes: Vec<u8>,
    /// Place in this replica's order of purges: a later one may refuse the fact.
    pub place: u64,
    /// Moment of the request, by [`Clock::elapsed`](introspectd_core::Clock::elapsed), or earlier.
    pub asked_at: Duration,
}

/// Part of a lookup that waits for the store itself.
struct Budget(Duration);

/// State of a fact in the store.
struct Seen<T> {
    /// True if there was nothing, and the lease was taken.
    is_ours: bool,
    fact: Option<T>,
    /// True if the fact will be usable once its entry of the stream was read.
    is_ahead: bool,
    lease: Option<Vec<u8>>,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self {
            is_ours: false,
            fact: None,
            is_ahead: false,
            lease: None,
        }
    }
}

/// Shortest pause between two looks for another replica's answer, which doubles up to the longest.
const MIN_POLL: Duration = Duration::from_millis(2);
const MAX_POLL: Duration = Duration::from_millis(40);

/// Farthest that the time of a request may lie ahead of the store's clock.
const MAX_AHEAD: Duration = Duration::from_secs(1);

impl Budget {
    async fn spend<T>(
        &mut self,
        fleet: &Fleet,
        operation: impl Future<Output = Result<T, Down>>,
    ) -> Result<T, Down> {
        let begun = Instant::now();
        let outcome = fleet.within(self.0, operation).await;
        self.0 = self.0.saturating_sub(begun.elapsed());
        outcome
    }

    /// Waits until the stream was read, so that a replica that has just started asks no provider
    /// what the store knows.
    async fn wait_for_the_start(&mut self, fleet: &Fleet) {
        let begun = Instant::now();
        let mut is_starting = fleet.is_starting.subscribe();
        let started = is_starting.wait_for(|is_starting| !is_starting);
        // Past it the store counts as one that cannot be used.
        let _ = timeout(self.0, started).await;
        self.0 = self.0.saturating_sub(begun.elapsed());
    }
}

impl Fleet {
    /// Finds a fact that another replica stored, waits for one that it is asking for, or takes the
    /// lease to ask.
    ///
    /// `timeout` is the provider's: at most that long another replica is waited for, and for the
    /// store at most the configured share of it. Safe to drop.
    ///
    /// A fact that `read` refuses, such as one that was purged since, counts as missing: whoever
    /// takes the lease replaces it.
    pub async fn find<T>(
        self: &Arc<Self>,
        name: &FactName<'_>,
        timeout: Duration,
        read: impl Fn(Imported) -> Option<T>,
    ) -> Found<T> {
        let mut budget = Budget(self.share_of(timeout));
        if *self.is_starting.borrow() {
            budget.wait_for_the_start(self).await;
        }
        let now = self.clock.elapsed();
        let is_current = self.hearing.age(now) <= self.hearing.trust();
        if !is_current || !self.order().is_ready || !self.breaker.lets_pass(now) {
            self.counts.add(Counted::Unavailable);
            return Found::Unavailable;
        }
        match self.find_usable(name, timeout, budget, read).await {
            Ok(found) => found,
            Err(Down(_)) => {
                self.counts.add(Counted::Unavailable);
                Found::Unavailable
            }
        }
    }

    async fn find_usable<T>(
        self: &Arc<Self>,
        name: &FactName<'_>,
        timeout: Duration,
        mut budget: Budget,
        read: impl Fn(Imported) -> Option<T>,
    ) -> Result<Found<T>, Down> {
        let until = Instant::now() + timeout;
        let all: Vec<_> = self
            .keyring
            .all()
            .map(|keys| name.store_keys(keys, &self.settings.prefix))
            .collect();
        let Some((own, former)) = all.split_first() else {
            return Err(Down("no secret".to_owned()));
        };
        let mut has_waited = false;
        let mut polls = Backoff::new(MIN_POLL, MAX_POLL);
        loop {
            let mut seen = Seen::default();
            if !former.is_empty() {
                seen = budget
                    .spend(self, self.look(name, former, 1, &read))
                    .await?;
            }
            let value = self.lease_value(own)?;
            if seen.fact.is_none() && !seen.is_ahead {
                let take = self.take(name, own, &value, &read);
                seen = budget.spend(self, take).await?;
            }
            if let Some(fact) = seen.fact {
                self.counts.add(Counted::Hit);
                return Ok(Found::Fact(fact));
            }
            if seen.is_ours {
                self.counts.add(Counted::Miss);
                return Ok(Found::Lease(self.lease(name, own.clone(), value)?));
            }
            let is_held = seen
                .lease
                .as_ref()
                .is_some_and(|value| self.is_held(value, own));
            if (is_held || seen.is_ahead) && Instant::now() < until {
                if !has_waited {
                    self.counts.add(Counted::Waited);
                    has_waited = true;
                }
                sleep(polls.pause()).await;
            } else if seen.lease.is_some() {
                // Held for too long, or by nobody of this fleet.
                return Err(Down("the lease cannot be had".to_owned()));
            } else {
                // What lies there is refused. It may have been replaced, and the lease deleted,
                // since: the second look is sent behind the lease, in the same round trip.
                let both = async {
                    let acquired = self.store.set_new(&own.lease, &value, LEASE_LIFE);
                    let look = self.look(name, std::slice::from_ref(own), 0, &read);
                    tokio::try_join!(biased; acquired, look)
                };
                let (true, seen) = budget.spend(self, both).await? else {
                    continue;
                };
                let lease = self.lease(name, own.clone(), value)?;
                return Ok(match seen.fact {
                    Some(fact) => {
                        self.counts.add(Counted::Hit);
                        Found::Fact(fact)
                    }
                    None => {
                        self.counts.add(Counted::Miss);
                        Found::Lease(lease)
                    }
                });
            }
        }
    }

    fn is_held(&self, lease: &[u8], keys: &StoreKeys) -> bool {
        let now = self.store_clock.earliest(self.clock.elapsed());
        let leases = &self.keyring.current.leases;
        now.is_some_and(|now| LeaseValue::is_held(lease, &keys.lease, leases, now))
    }

    /// Looks for a usable fact, and takes the lease where nothing lies.
    async fn take<T>(
        &self,
        name: &FactName<'_>,
        own: &StoreKeys,
        lease: &[u8],
        read: &impl Fn(Imported) -> Option<T>,
    ) -> Result<Seen<T>, Down> {
        let places = own.places();
        let taken = self.store.take(&places, &own.lease, lease, LEASE_LIFE);
        match taken.await? {
            Taken::Lease => Ok(Seen {
                is_ours: true,
                ..Seen::default()
            }),
            Taken::Values { values, lease } => {
                let seen = self.read_values(name, &places, values, 0, read)?;
                Ok(Seen { lease, ..seen })
            }
        }
    }

    /// Looks for a usable fact by the keys of a secret, of which the newest has number 0.
    async fn look<T>(
        &self,
        name: &FactName<'_>,
        keys: &[StoreKeys],
        first: usize,
        read: &impl Fn(Imported) -> Option<T>,
    ) -> Result<Seen<T>, Down> {
        let places: Vec<&str> = keys.iter().flat_map(StoreKeys::places).collect();
        let values = self.store.get(&places).await?;
        self.read_values(name, &places, values, first, read)
    }

    /// Reads the values of these places, two of each secret.
    fn read_values<T>(
        &self,
        name: &FactName<'_>,
        places: &[&str],
        values: Vec<Option<Vec<u8>>>,
        first: usize,
        read: &impl Fn(Imported) -> Option<T>,
    ) -> Result<Seen<T>, Down> {
        if values.len() != places.len() {
            return Err(Down("the store gave another number of values".to_owned()));
        }
        let mut seen = Seen::default();
        for (nth, (place, value)) in places.iter().zip(values).enumerate() {
            let Some(value) = value else { continue };
            let keys = self.keyring.all().nth(first + nth / 2);
            let value_key = keys.and_then(|keys| name.value_key(keys).ok());
            match value_key.and_then(|key| key.open(place, value)) {
                Some(fact) => self.import(fact, &mut seen, read),
                None => self.counts.add(Counted::Tampered),
            }
        }
        Ok(seen)
    }

    /// Puts a fact into the terms of this replica, if it can be judged here.
    fn import<T>(
        &self,
        fact: SharedFact,
        seen: &mut Seen<T>,
        read: &impl Fn(Imported) -> Option<T>,
    ) {
        let now = self.clock.elapsed();
        let place = self.order().index.place(fact.asked_after);
        let store_now = self.store_clock.latest(now);
        match (place, store_now) {
            (Place::At(place), Some(store_now)) if fact.asked_at <= store_now + MAX_AHEAD => {
                let imported = Imported {
                    bytes: fact.bytes,
                    place,
                    asked_at: now.saturating_sub(store_now.saturating_sub(fact.asked_at)),
                };
                match read(imported) {
                    Some(fact) => seen.fact = Some(fact),
                    None => self.counts.add(Counted::Refused),
                }
            }
            (Place::Ahead, _) => seen.is_ahead = true,
            (Place::At(_) | Place::Unknown, _) => self.counts.add(Counted::Refused),
        }
    }
}
