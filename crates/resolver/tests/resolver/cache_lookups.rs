//! Lookups are counted by their results, whatever becomes of the request.

use std::time::Duration;

use introspectd_core::{Failure, Selector, Target};
use introspectd_resolver::{CacheLimits, CacheTimes, Lookup, Unmatched};

use crate::harness::{Bench, Fake, LIMITS, TTL, good, regex, upstream};

const FORGIVING: CacheLimits = CacheLimits {
    times: CacheTimes {
        stale_if_error: Duration::from_secs(300),
        ..LIMITS.times
    },
    ..LIMITS
};

/// Lookups so far of the first provider, by result.
fn lookups(bench: &Bench) -> [u64; 6] {
    let provider = bench.resolver.providers().next().unwrap();
    Lookup::ALL.map(|result| provider.lookups.total(result))
}

#[tokio::test]
async fn each_lookup_has_one_result() {
    let (bench, provider) = Bench::single(FORGIVING);
    provider.script("t", good());
    provider.hold();
    let first = bench.asking("t").await;
    let second = bench.asking("t").await;
    provider.release();
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(lookups(&bench), [0, 1, 0, 1, 0, 0], "absent and coalesced");
    bench.ask("t").await;
    assert_eq!(lookups(&bench), [1, 1, 0, 1, 0, 0], "hit");
    provider.script("t", Failure::Timeout);
    bench.clock.advance(TTL);
    bench.ask("t").await;
    assert_eq!(lookups(&bench), [1, 1, 1, 1, 0, 0], "stale");
    provider.script("t", good());
    bench.ask("t").await;
    assert_eq!(lookups(&bench), [1, 1, 1, 1, 1, 0], "expired");
}

#[tokio::test]
async fn lookup_that_its_caller_left_is_counted() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.hold();
    let asking = bench.asking("t").await;
    asking.abort();
    assert!(asking.await.is_err());
    assert_eq!(lookups(&bench), [0, 0, 0, 1, 0, 0]);
}

/// The sweeper frees purged facts within a second, after which they are absent.
#[tokio::test]
async fn purged_fact_is_told_from_an_absent_one() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    for _ in 0..100 {
        bench.ask("t").await;
        bench.resolver.purge(&Selector::new(Target::All));
        bench.ask("t").await;
    }
    let [.., purged] = lookups(&bench);
    assert!(purged > 0, "{:?}", lookups(&bench));
}

#[tokio::test]
async fn hit_that_settles_several_providers_is_one_lookup() {
    let (one, other) = (Fake::new(), Fake::new());
    one.script("t", good());
    let upstreams = vec![
        upstream("one", &one, Some(regex("t"))),
        upstream("other", &other, Some(regex("t"))),
    ];
    let bench = Bench::new(upstreams, &Unmatched::Reject, LIMITS);
    bench.ask("t").await;
    let all = |bench: &Bench| -> u64 {
        let providers = bench.resolver.providers();
        providers
            .flat_map(|it| Lookup::ALL.map(|result| it.lookups.total(result)))
            .sum()
    };
    assert_eq!(all(&bench), 2, "each was looked up");
    bench.ask("t").await;
    assert_eq!(all(&bench), 3, "the first one settles it");
}
