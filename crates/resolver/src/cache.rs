use std::sync::Arc;
use std::time::{Duration, Instant};

use introspectd_core::{Clock, State};
use moka::Expiry;
use moka::sync::Cache;

use crate::fact::{Fact, Keep};
use crate::key::Key;
use crate::lifetime::lifetime;
use crate::limits::CacheLimits;

/// Facts, in two pools: however many made-up tokens are asked about, they evict no real one.
///
/// Each pool also drops what is past its time by moka's own clock; that only frees memory. Whether a
/// fact may still be used is judged here, by the injected clock, on every hit.
pub(crate) struct FactCache<K> {
    active: Cache<Key, Entry<K>>,
    inactive: Cache<Key, Entry<K>>,
    limits: CacheLimits,
    clock: Arc<dyn Clock>,
}

/// What the cache has on a key.
pub(crate) enum Cached<K> {
    /// To be used without asking.
    Fresh(Arc<Fact<K>>),
    /// To be used if the provider is out of order.
    Stale(Arc<Fact<K>>),
    Nothing,
}

struct Entry<K> {
    fact: Arc<Fact<K>>,
    /// By [`Clock::elapsed`], as is `kept_until`.
    fresh_until: Duration,
    kept_until: Duration,
    /// From the insertion, for moka.
    memory: Duration,
}

impl<K> Clone for Entry<K> {
    fn clone(&self) -> Self {
        Self { fact: Arc::clone(&self.fact), ..*self }
    }
}

/// What an entry costs beside its fact: key, entry, the shared pointer's counts, moka's own nodes, and what
/// the allocator rounds up. Measured with `cargo xtask bench --only memory`: the process grows by as much as the
/// cache says that it weighs.
const OVERHEAD: usize = 560;

impl<K: Keep> FactCache<K> {
    pub(crate) fn new(limits: CacheLimits, clock: Arc<dyn Clock>) -> Self {
        // Inactive facts are small and brief: an eighth holds hundreds of thousands of them.
        let inactive = limits.max_bytes / 8;
        Self { active: pool(limits.max_bytes - inactive), inactive: pool(inactive), limits, clock }
    }

    pub(crate) fn get(&self, key: &Key) -> Cached<K> {
        let now = self.clock.elapsed();
        let Some(entry) = self.active.get(key).or_else(|| self.inactive.get(key)) else {
            return Cached::Nothing;
        };
        if now < entry.fresh_until {
            Cached::Fresh(entry.fact)
        } else if now < entry.kept_until {
            Cached::Stale(entry.fact)
        } else {
            Cached::Nothing
        }
    }

    /// Keeps a fact that was asked for at `asked_at` (by [`Clock::elapsed`]).
    pub(crate) fn put(&self, key: Key, fact: Arc<Fact<K>>, asked_at: Duration) {
        let now = self.clock.now();
        let validity = fact.record.as_ref().map(|record| &record.validity);
        let is_active = validity.is_some_and(|validity| validity.state(now) == State::Active);
        let (pool, other) =
            if is_active { (&self.active, &self.inactive) } else { (&self.inactive, &self.active) };
        // A newer fact takes the place of an older one in whichever pool that is.
        other.invalidate(&key);
        let Some(life) = lifetime(validity, now, &self.limits, key.spread()) else {
            pool.invalidate(&key);
            return;
        };
        let spent = self.clock.elapsed().saturating_sub(asked_at);
        let entry = Entry {
            fact,
            fresh_until: asked_at.saturating_add(life.fresh),
            kept_until: asked_at.saturating_add(life.kept),
            memory: life.kept.saturating_sub(spent),
        };
        pool.insert(key, entry);
    }
}

fn pool<K: Keep>(max_bytes: u64) -> Cache<Key, Entry<K>> {
    Cache::builder()
        .max_capacity(max_bytes)
        .weigher(|_, entry: &Entry<K>| u32::try_from(OVERHEAD + entry.fact.size()).unwrap_or(u32::MAX))
        .expire_after(Memory)
        .build()
}

/// Lets moka free an entry when nothing may be made of it any more.
struct Memory;

impl<K> Expiry<Key, Entry<K>> for Memory {
    fn expire_after_create(&self, _: &Key, entry: &Entry<K>, _: Instant) -> Option<Duration> {
        Some(entry.memory)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Entry<K>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.memory)
    }
}
