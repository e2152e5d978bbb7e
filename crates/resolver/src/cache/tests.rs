//! Ends of an entry's use, to the millisecond, and its weight.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use introspectd_core::{Expiry, ProviderName, Status, Timestamp, Token, TokenValue, Validity};

use introspectd_fleet::Digests;

use super::*;
use crate::fact::Record;
use crate::key::{KeyMaker, Subject};
use crate::stamp::Tags;

/// Elapsed milliseconds; the wall clock stands still.
#[derive(Debug, Default)]
struct Millis(AtomicU64);

impl Clock for Millis {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1000).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(SeqCst))
    }
}

/// Part of a fact that takes so many bytes.
#[derive(Clone, Debug, PartialEq)]
struct Weighing(usize);

impl Keep for Weighing {
    fn keep(_: &ProviderName, _: Token) -> Self {
        Self(0)
    }

    fn size(&self) -> usize {
        self.0
    }
}

const MAX_BYTES: u64 = 800_000;
const TIMES: CacheTimes = CacheTimes {
    ttl: Duration::from_secs(60),
    inactive_ttl: Duration::from_secs(5),
    stale_if_error: Duration::from_secs(300),
    without_end: None,
};

/// A cache, its clock, and a key.
fn cache() -> (FactCache<Weighing>, Arc<Millis>, Key) {
    let clock = Arc::new(Millis::default());
    let cache = FactCache::new(
        MAX_BYTES,
        Arc::<Millis>::clone(&clock),
        Arc::new(Hearing::alone()),
    );
    let token = TokenValue::parse("t".to_owned()).unwrap();
    let key = KeyMaker::new(Digests::random().unwrap())
        .unwrap()
        .key(&Subject::Token(token));
    (cache, clock, key)
}

fn fact(status: Status) -> Fact<Weighing> {
    let validity = Validity {
        status,
        expiry: Expiry::Never,
        nbf: None,
    };
    let kept = Weighing(1000);
    Fact {
        record: Some(Record { validity, kept }),
    }
}

const STAMP: Stamp = Stamp {
    number: 0,
    slot: 0,
    tags: Tags {
        record: None,
        subject: None,
        client: None,
    },
};

fn word(cached: &Cached<Weighing>) -> &'static str {
    match cached {
        Cached::Fresh(..) => "fresh",
        Cached::Stale(_) => "stale",
        Cached::Nothing(_) => "nothing",
    }
}

#[test]
fn use_of_a_fact_ends_in_the_millisecond_of_its_end() {
    let (cache, clock, key) = cache();
    let purges = ProviderPurges::new(0);
    let asked_at = Duration::from_millis(7);
    clock.0.store(7, SeqCst);
    cache.put(key, fact(Status::Good), STAMP, asked_at, &TIMES);
    let held = cache.look(&key, &purges).unwrap();
    assert_eq!(held.age, Duration::ZERO);
    for (end, before, after) in [
        (held.fresh_for, "fresh", "stale"),
        (held.kept_for, "stale", "nothing"),
    ] {
        let end = 7 + millis(end);
        clock.0.store(end - 1, SeqCst);
        assert_eq!(word(&cache.get(&key, &purges)), before);
        assert!(cache.look(&key, &purges).is_some());
        clock.0.store(end, SeqCst);
        assert_eq!(word(&cache.get(&key, &purges)), after);
        assert_eq!(cache.look(&key, &purges).is_some(), after == "stale");
    }
}

#[test]
fn entry_weighs_what_it_takes() {
    let (cache, _, key) = cache();
    let alone = (size_of::<(Key, Entry<Weighing>)>() + OVERHEAD) as u64;
    cache.put(key, fact(Status::Good), STAMP, Duration::ZERO, &TIMES);
    assert_eq!(
        (cache.active.weight(), cache.inactive.weight()),
        (alone + 1000, 0)
    );
    // In the other pool from now on.
    cache.put(key, fact(Status::Revoked), STAMP, Duration::ZERO, &TIMES);
    assert_eq!(
        (cache.active.weight(), cache.inactive.weight()),
        (0, alone + 1000)
    );
    cache.put(key, Fact { record: None }, STAMP, Duration::ZERO, &TIMES);
    assert_eq!(cache.inactive.weight(), alone);
    assert!(cache.remove(&key));
    assert_eq!(cache.inactive.weight(), 0);
    assert!(!cache.remove(&key));
}

#[test]
fn eighth_of_the_memory_is_for_inactive_facts() {
    let (cache, ..) = cache();
    assert_eq!(cache.active.capacity(), 700_000);
    assert_eq!(cache.inactive.capacity(), 100_000);
}
