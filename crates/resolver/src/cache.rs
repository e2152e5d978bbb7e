use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{Clock, State};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::entry::{Entry, millis};
use crate::fact::{Fact, Keep};
use crate::key::{AlreadyHashed, Key};
use crate::lifetime::lifetime;
use crate::limits::CacheTimes;
use crate::purge_log::ProviderPurges;
use crate::stamp::{PackedStamp, Stamp};

/// Cache of facts in two pools, so that any number of made-up tokens evicts no real one.
///
/// An expired entry stays until it is replaced or its room is needed. Each hit judges if the fact
/// may still be used: by time, and by the purges since its request.
pub(crate) struct FactCache<K> {
    active: Pool<K>,
    inactive: Pool<K>,
    clock: Arc<dyn Clock>,
}

/// State of a key in the cache.
pub(crate) enum Cached<K> {
    /// Usable without a request.
    Fresh(Fact<K>),
    /// Usable only if the provider fails.
    Stale(Fact<K>),
    Nothing,
}

/// Age and remaining lifetime of a cache entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Time since its request.
    pub age: Duration,
    /// Remaining time of use without a request. Zero: it only stands in for a failing provider.
    pub fresh_for: Duration,
    /// Remaining time of any use. At least `fresh_for`, and never zero.
    pub kept_for: Duration,
    /// True if the fact was active when inserted, and so is in the pool of active ones.
    pub among_active: bool,
}

type Pool<K> = Cache<Key, Entry<K>, Weight, BuildHasherDefault<AlreadyHashed>>;

#[derive(Clone)]
struct Weight;

impl<K: Keep> Weighter<Key, Entry<K>> for Weight {
    fn weight(&self, _: &Key, entry: &Entry<K>) -> u64 {
        (size_of::<(Key, Entry<K>)>() + OVERHEAD + entry.size()) as u64
    }
}

/// Bytes of an entry beside itself: its place in the cache's lists and table, the key of an evicted
/// entry that is remembered for a while, and the allocator's rounding. Measured with
/// `cargo xtask bench --only memory`: the process grows by about the cache's weight.
const OVERHEAD: usize = 96;

impl<K: Keep> FactCache<K> {
    pub(crate) fn new(max_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        // Inactive facts are small and brief: an eighth holds hundreds of thousands of them.
        let inactive = max_bytes / 8;
        Self {
            active: pool(max_bytes - inactive),
            inactive: pool(inactive),
            clock,
        }
    }

    pub(crate) fn get(&self, key: &Key, purges: &ProviderPurges) -> Cached<K> {
        let now = millis(self.clock.elapsed());
        let Some(entry) = self.active.get(key).or_else(|| self.inactive.get(key)) else {
            return Cached::Nothing;
        };
        if purges.refuse(key, &entry.stamp().unpack()) {
            return Cached::Nothing;
        }
        if now < entry.fresh_until() {
            Cached::Fresh(entry.into_fact())
        } else if now < entry.held_until() {
            Cached::Stale(entry.into_fact())
        } else {
            Cached::Nothing
        }
    }

    /// Inserts a fact that was requested at `asked_at` (by [`Clock::elapsed`]), for its provider's
    /// times.
    pub(crate) fn put(
        &self,
        key: Key,
        fact: Fact<K>,
        stamp: Stamp,
        asked_at: Duration,
        times: &CacheTimes,
    ) {
        let now = self.clock.now();
        let validity = fact.record.as_ref().map(|record| &record.validity);
        let is_active = validity.is_some_and(|validity| validity.state(now) == State::Active);
        let (pool, other) = if is_active {
            (&self.active, &self.inactive)
        } else {
            (&self.inactive, &self.active)
        };
        // A newer fact replaces an older one in either pool.
        other.remove(&key);
        let Some(life) = lifetime(validity, now, times, key.spread()) else {
            pool.remove(&key);
            return;
        };
        pool.insert(key, Entry::new(fact, stamp, asked_at, life));
    }

    /// Peeks at what [`FactCache::get`] would find, without counting as a use. `None` if it would
    /// find nothing.
    pub(crate) fn look(&self, key: &Key, purges: &ProviderPurges) -> Option<Held> {
        let now = millis(self.clock.elapsed());
        let active = self.active.peek(key).map(|entry| (entry, true));
        let (entry, among_active) =
            active.or_else(|| self.inactive.peek(key).map(|entry| (entry, false)))?;
        if purges.refuse(key, &entry.stamp().unpack()) {
            return None;
        }
        let until = |end: u64| Duration::from_millis(end.saturating_sub(now));
        let held = Held {
            age: Duration::from_millis(now.saturating_sub(entry.asked_at())),
            fresh_for: until(entry.fresh_until()),
            kept_for: until(entry.held_until()),
            among_active,
        };
        (!held.kept_for.is_zero()).then_some(held)
    }
}

impl<K: Keep> FactCache<K> {
    /// Removes an entry, and returns true if there was one.
    pub(crate) fn remove(&self, key: &Key) -> bool {
        // Both pools: the other fact of the key would come to light.
        let removed = [&self.active, &self.inactive].map(|pool| pool.remove(key).is_some());
        removed.contains(&true)
    }

    /// Iterates over the entries, each read under a lock of its own. Concurrent insertions may be
    /// missing.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Visited<'_, K>> {
        let pools = [&self.active, &self.inactive].into_iter();
        pools.flat_map(|pool| {
            pool.iter().map(move |(key, entry)| Visited {
                pool,
                key,
                stamp: entry.stamp(),
            })
        })
    }
}

/// Entry that an iteration visits.
pub(crate) struct Visited<'a, K> {
    pool: &'a Pool<K>,
    key: Key,
    stamp: PackedStamp,
}

impl<K: Keep> Visited<'_, K> {
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp.unpack()
    }

    /// Removes the entry unless another has replaced it, and returns true if it did.
    pub(crate) fn remove(&self) -> bool {
        self.pool
            .remove_if(&self.key, |entry| entry.stamp() == self.stamp)
            .is_some()
    }
}

fn pool<K: Keep>(max_bytes: u64) -> Pool<K> {
    // The estimate only decides into how many shards the pool is divided.
    let entries = usize::try_from(max_bytes / 1024).unwrap_or(usize::MAX);
    Cache::with(
        entries,
        max_bytes,
        Weight,
        BuildHasherDefault::default(),
        DefaultLifecycle::default(),
    )
}

#[cfg(test)]
mod tests;
