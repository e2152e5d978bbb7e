use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::counts::Counted;
use crate::fact::{FactName, SharedFact, StoreKeys};
use crate::fleet::Fleet;
use crate::holding::Lease;
use crate::index::Place;
use crate::lease::{LEASE_LIFE, LeaseValue};
use crate::store::Down;
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
    fact: Option<T>,
    /// True if the fact will be usable once its entry of the stream was read.
    is_ahead: bool,
    lease: Option<Vec<u8>>,
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
        let keys: Vec<_> = self
            .keyring
            .all()
            .map(|keys| name.store_keys(keys, &self.settings.prefix))
            .collect();
        let Some(own) = keys.first() else {
            return Err(Down("no secret".to_owned()));
        };
        let mut has_waited = false;
        let mut polls = Backoff::new(MIN_POLL, MAX_POLL);
        loop {
            let seen = budget.spend(self, self.look(name, &keys, &read)).await?;
            if let Some(fact) = seen.fact {
                self.counts.add(Counted::Hit);
                return Ok(Found::Fact(fact));
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
                // It may have been stored, and its lease deleted, since the look. The second one is
                // sent behind the lease, in the same round trip.
                let both = async {
                    tokio::try_join!(biased; self.acquire(own), self.look(name, &keys, &read))
                };
                let (Some(value), seen) = budget.spend(self, both).await? else {
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

    /// Looks for a usable fact, and for the lease.
    async fn look<T>(
        &self,
        name: &FactName<'_>,
        keys: &[StoreKeys],
        read: &impl Fn(Imported) -> Option<T>,
    ) -> Result<Seen<T>, Down> {
        let places = keys.iter().flat_map(|keys| [&*keys.fact, &*keys.unknown]);
        let lease = keys.first().map(|keys| &*keys.lease);
        let places: Vec<&str> = places.chain(lease).collect();
        let mut values = self.store.get(&places).await?;
        if values.len() != places.len() {
            return Err(Down("the store gave another number of values".to_owned()));
        }
        let mut seen = Seen {
            lease: values.pop().flatten(),
            fact: None,
            is_ahead: false,
        };
        for (nth, value) in values.into_iter().enumerate() {
            let (Some(value), Some(place)) = (value, places.get(nth)) else {
                continue;
            };
            let keys = self.keyring.all().nth(nth / 2);
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

    async fn acquire(&self, keys: &StoreKeys) -> Result<Option<Vec<u8>>, Down> {
        let value = self.lease_value(keys)?;
        let is_ours = self.store.set_new(&keys.lease, &value, LEASE_LIFE).await?;
        Ok(is_ours.then_some(value))
    }
}
