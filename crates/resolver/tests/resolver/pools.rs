//! Pools of the cache, which do not evict each other.

use introspectd_resolver::{CacheLimits, Source};

use crate::harness::{Bench, LIMITS, Seen, active, good};

const REAL: usize = 100;
const MADE_UP: usize = 10_000;
/// Generous weight of an entry beside its fact.
const OVERHEAD: usize = 1024;

/// The cache admits without a choice until its pool is full. So an eighth more than the real tokens
/// weigh, and the eighth that is set aside for inactive ones, hold all of the real tokens for
/// certain; and the made-up ones, some hundred of which fit, are far more than the whole cache
/// could take.
fn just_enough() -> CacheLimits {
    let weight = OVERHEAD + good().size();
    let real = u64::try_from(REAL * weight).unwrap();
    CacheLimits {
        max_bytes: real * 9 / 8 * 8 / 7,
        ..LIMITS
    }
}

#[tokio::test]
async fn made_up_tokens_evict_no_real_one() {
    let limits = just_enough();
    let (bench, provider) = Bench::single(limits);
    for real in 0..REAL {
        provider.script(&format!("real-{real}"), good());
        assert_eq!(
            bench.ask(&format!("real-{real}")).await,
            active(Source::Miss)
        );
    }
    for made_up in 0..MADE_UP {
        assert_eq!(
            bench.ask(&format!("made-up-{made_up}")).await,
            Seen::Inactive(Source::Miss)
        );
    }
    assert_eq!(provider.questions(), REAL + MADE_UP);
    for real in 0..REAL {
        assert_eq!(
            bench.ask(&format!("real-{real}")).await,
            active(Source::Hit)
        );
    }

    // And what is kept of the made-up ones is bounded: each weighs at least its key.
    let mut kept = 0;
    for made_up in 0..MADE_UP {
        kept += usize::from(
            bench.ask(&format!("made-up-{made_up}")).await == Seen::Inactive(Source::Hit),
        );
    }
    let bound = limits.max_bytes / 8 / 32;
    assert!(
        u64::try_from(kept).unwrap() <= bound,
        "{kept} of them are kept, over {bound}"
    );
}

#[tokio::test]
async fn a_cache_without_room_still_answers() {
    let (bench, provider) = Bench::single(CacheLimits {
        max_bytes: 0,
        ..LIMITS
    });
    provider.script("t", good());
    for _ in 0..1000 {
        assert!(matches!(bench.ask("t").await, Seen::Active(..)));
        assert!(matches!(bench.ask("made up").await, Seen::Inactive(_)));
    }
}
