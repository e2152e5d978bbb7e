use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use introspectd_core::{Clock, State};
use introspectd_fleet::Hearing;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, Weighter};

use crate::entry::{Entry, millis};
use crate::fact::{Fact, Keep};
use crate::key::{AlreadyHashed, Key};
use crate::lifetime::lifetime;
use crate::limits::CacheTimes;
use crate::lookup::Lookup;
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
    hearing: Arc<Hearing>,
    max_bytes: u64,
    evictions: [Evictions; 2],
    purged: AtomicU64,
}

/// State of a key in the cache.
pub(crate) enum Cached<K> {
    /// Usable without a request, for this time.
    Fresh(Fact<K>, Duration),
    /// Usable only if the provider fails.
    Stale(Fact<K>),
    /// Nothing usable: absent, expired or purged.
    Nothing(Lookup),
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

/// Content of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Name of the pool: `active` or `inactive`.
    pub name: &'static str,
    /// Number of entries, expired ones included.
    pub entries: usize,
    /// Approximate size of the entries, in bytes.
    pub bytes: u64,
    /// Limit of `bytes`.
    pub max_bytes: u64,
    /// Number of entries so far that made room for others.
    pub evictions: u64,
}

type Pool<K> = Cache<Key, Entry<K>, Weight, BuildHasherDefault<AlreadyHashed>, Evictions>;

/// Number of evicted entries.
#[derive(Debug, Clone, Default)]
struct Evictions(Arc<AtomicU64>);

impl<K> Lifecycle<Key, Entry<K>> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Key, _: Entry<K>) {
        self.0.fetch_add(1, Relaxed);
    }
}

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
    pub(crate) fn new(max_bytes: u64, clock: Arc<dyn Clock>, hearing: Arc<Hearing>) -> Self {
        let [active, inactive] = shares(max_bytes);
        let evictions = [Evictions::default(), Evictions::default()];
        let [of_active, of_inactive] = &evictions;
        Self {
            active: pool(active, of_active),
            inactive: pool(inactive, of_inactive),
            max_bytes,
            clock,
            hearing,
            evictions,
            purged: AtomicU64::new(0),
        }
    }

    pub(crate) fn get(&self, key: &Key, purges: &ProviderPurges) -> Cached<K> {
        let now = millis(self.clock.elapsed());
        let Some(entry) = self.active.get(key).or_else(|| self.inactive.get(key)) else {
            return Cached::Nothing(Lookup::Absent);
        };
        if purges.refuse(key, &entry.stamp().unpack()) {
            return Cached::Nothing(Lookup::Purged);
        }
        if !self.hearing.trusts(entry.asked_at(), now) {
            return Cached::Nothing(Lookup::Expired);
        }
        let left = entry.fresh_until().saturating_sub(now);
        if left > 0 {
            Cached::Fresh(entry.into_fact(), Duration::from_millis(left))
        } else if now < entry.held_until() {
            Cached::Stale(entry.into_fact())
        } else {
            Cached::Nothing(Lookup::Expired)
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
        if purges.refuse(key, &entry.stamp().unpack())
            || !self.hearing.trusts(entry.asked_at(), now)
        {
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

    /// Counts entries that a purge removed.
    pub(crate) fn count_purged(&self, entries: usize) {
        self.purged.fetch_add(entries as u64, Relaxed);
    }

    /// Number of entries so far that purges removed.
    pub(crate) fn purged(&self) -> u64 {
        self.purged.load(Relaxed)
    }

    /// Content of the pool of active facts, and of that of all others.
    pub(crate) fn pools(&self) -> [PoolStatus; 2] {
        let [max_active, max_inactive] = shares(self.max_bytes);
        let [active, inactive] = &self.evictions;
        let pools = [
            ("active", &self.active, max_active, active),
            ("inactive", &self.inactive, max_inactive, inactive),
        ];
        pools.map(|(name, pool, max_bytes, Evictions(evictions))| PoolStatus {
            name,
            entries: pool.len(),
            bytes: pool.weight(),
            max_bytes,
            evictions: evictions.load(Relaxed),
        })
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

/// Bytes for active facts, and for all others. These are small and brief: an eighth holds hundreds
/// of thousands of them.
fn shares(max_bytes: u64) -> [u64; 2] {
    let inactive = max_bytes / 8;
    [max_bytes - inactive, inactive]
}

fn pool<K: Keep>(max_bytes: u64, evictions: &Evictions) -> Pool<K> {
    // The estimate only decides into how many shards the pool is divided.
    let entries = usize::try_from(max_bytes / 1024).unwrap_or(usize::MAX);
    Cache::with(
        entries,
        max_bytes,
        Weight,
        BuildHasherDefault::default(),
        evictions.clone(),
    )
}

#[cfg(test)]
mod tests;
