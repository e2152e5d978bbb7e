use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;
use std::time::{Duration, Instant};

use quick_cache::sync::DefaultLifecycle;

use crate::answer::BODY;
use crate::failure::{Failure, Result, Tried};
use crate::proc;

/// Time for which entries are read.
const READ: Duration = Duration::from_millis(500);

/// Cache alone, filled with so many entries: prints nanoseconds a get and bytes an entry.
pub(super) fn run(words: &[String]) -> Result<()> {
    let [name, count] = words else {
        return Err(Failure::new("a map takes a name and a count"));
    };
    let count: u64 = count.parse().tried("a count")?;
    let before = resident();
    let (nanoseconds, after) = match name.as_str() {
        "quick_cache" => {
            let cache = quick(count);
            (0..count).for_each(|number| cache.insert(key(number), Entry::new(number)));
            (read(count, |key| cache.get(key))?, resident())
        }
        "moka" => {
            let cache = moka(count);
            (0..count).for_each(|number| cache.insert(key(number), Entry::new(number)));
            cache.run_pending_tasks();
            (read(count, |key| cache.get(key))?, resident())
        }
        other => return Err(Failure::new(format!("no map is called {other}"))),
    };
    let bytes = after.saturating_sub(before) as f64 / count as f64;
    crate::output::say(&format!("{nanoseconds:.1} {bytes:.1}"));
    Ok(())
}

/// Value of the size that an entry of introspectd's cache has, with a body that is copied when it
/// is read.
#[derive(Clone)]
pub(super) struct Entry {
    words: [u64; 6],
    pub(super) body: Box<[u8]>,
}

impl Entry {
    fn new(number: u64) -> Self {
        Self::holding(number, vec![b'x'; BODY].into())
    }

    pub(super) fn holding(number: u64, body: Box<[u8]>) -> Self {
        Self {
            words: [number; 6],
            body,
        }
    }

    fn weight(&self) -> usize {
        size_of::<(u128, Self)>() + self.body.len()
    }
}

/// A key is a hash already, as introspectd's are.
#[derive(Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| (hash << 8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = u64::try_from(hash >> 64).unwrap_or_default();
    }
}

pub(super) type Build = BuildHasherDefault<AlreadyHashed>;

/// Spreads numbers over all keys (the constants of splitmix64).
fn key(number: u64) -> u128 {
    let mix = |seed: u64| {
        let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        seed ^ (seed >> 31)
    };
    (u128::from(mix(number)) << 64) | u128::from(mix(!number))
}

#[derive(Clone)]
pub(super) struct Weight;

impl quick_cache::Weighter<u128, Entry> for Weight {
    fn weight(&self, _: &u128, entry: &Entry) -> u64 {
        entry.weight() as u64
    }
}

fn max_bytes(count: u64) -> u64 {
    (count * 1024).max(64 << 20)
}

pub(super) type QuickCache = quick_cache::sync::Cache<u128, Entry, Weight, Build>;

pub(super) type Moka = moka::sync::Cache<u128, Entry, Build>;

pub(super) fn quick(count: u64) -> QuickCache {
    let max_bytes = max_bytes(count);
    let entries = usize::try_from(max_bytes / 1024).unwrap_or(usize::MAX);
    quick_cache::sync::Cache::with(
        entries,
        max_bytes,
        Weight,
        Build::default(),
        DefaultLifecycle::default(),
    )
}

pub(super) fn moka(count: u64) -> Moka {
    moka::sync::Cache::builder()
        .max_capacity(max_bytes(count))
        .weigher(|_, entry: &Entry| u32::try_from(entry.weight()).unwrap_or(u32::MAX))
        .build_with_hasher(Build::default())
}

/// Nanoseconds of a get, over all entries in turns.
fn read(count: u64, get: impl Fn(&u128) -> Option<Entry>) -> Result<f64> {
    let keys: Vec<u128> = (0..count).map(key).collect();
    let mut next = 0;
    let mut read = |times: u64| -> Result<()> {
        for _ in 0..times {
            // The stride of wrk.lua.
            next = (next + 7919) % keys.len();
            let entry = keys.get(next).and_then(|key| get(black_box(key)));
            let entry = entry.ok_or_else(|| Failure::new("an entry is gone"))?;
            black_box(entry.words);
        }
        Ok(())
    };
    read(count)?;
    let (start, mut times) = (Instant::now(), 0);
    while start.elapsed() < READ {
        read(1000)?;
        times += 1000;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / times as f64)
}

fn resident() -> u64 {
    proc::memory(std::process::id()).resident
}
