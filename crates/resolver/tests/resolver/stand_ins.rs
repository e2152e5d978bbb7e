//! An active fact that outlives its ttl while the provider is out of order, and no other.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{Failure, Introspection, Selector, Target};
use introspectd_resolver::{CacheLimits, CacheTimes, Source, Unmatched};

use crate::harness::{
    Bench, Fake, INACTIVE_TTL, LIMITS, Seen, TTL, TTL_AT_LEAST, active, active_by,
    failures_of_the_provider, good, good_from, good_until, other_failures, regex, upstream, value,
};

const STALE: u32 = 300;
const FORGIVING: CacheLimits = CacheLimits {
    times: CacheTimes {
        stale_if_error: Duration::from_secs(STALE as u64),
        ..LIMITS.times
    },
    ..LIMITS
};

/// A token that was active at the start.
async fn known(limits: CacheLimits, token: introspectd_core::Token) -> (Bench, Arc<Fake>) {
    let (bench, provider) = Bench::single(limits);
    provider.script("t", token);
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    (bench, provider)
}

#[tokio::test]
async fn a_fact_stands_in_for_a_provider_that_is_out_of_order() {
    for failure in failures_of_the_provider() {
        let (bench, provider) = known(FORGIVING, good()).await;
        provider.script("t", failure.clone());
        bench.clock.advance(TTL);
        // Each request asks first.
        for questions in 2..=3 {
            assert_eq!(bench.ask("t").await, active(Source::Stale), "{failure}");
            assert_eq!(provider.questions(), questions);
        }
        provider.script("t", good());
        assert_eq!(bench.ask("t").await, active(Source::Miss), "{failure}");
    }
}

#[tokio::test]
async fn a_fact_does_not_stand_in_for_a_failure_that_may_be_the_tokens() {
    for failure in other_failures() {
        let (bench, provider) = known(FORGIVING, good()).await;
        provider.script("t", failure.clone());
        bench.clock.advance(TTL);
        assert_eq!(bench.ask("t").await, Seen::Fails(failure));
    }
}

/// Purges hold whoever fills the provider's places.
#[tokio::test]
async fn a_purged_fact_stands_in_for_nothing() {
    for failure in failures_of_the_provider() {
        let (bench, provider) = known(FORGIVING, good()).await;
        provider.script("t", failure.clone());
        bench.clock.advance(TTL);
        assert_eq!(bench.ask("t").await, active(Source::Stale), "{failure}");
        bench
            .resolver
            .purge(&Selector::new(Target::Token(value("t"))));
        assert_eq!(bench.ask("t").await, Seen::Fails(failure));
    }
}

#[tokio::test]
async fn waiters_of_one_request_get_the_same_stale_fact() {
    let (bench, provider) = known(FORGIVING, good()).await;
    provider.script("t", Failure::Timeout);
    bench.clock.advance(TTL);
    provider.hold();
    let waiters = [bench.asking("t").await, bench.asking("t").await];
    provider.arrived(2).await;
    provider.release();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), active(Source::Stale));
    }
    assert_eq!(provider.questions(), 2);
}

#[tokio::test]
async fn nothing_stands_in_unless_it_is_configured() {
    let (bench, provider) = known(LIMITS, good()).await;
    provider.script("t", Failure::Timeout);
    // The time that jitter takes from the ttl is no time of grace either.
    for _ in 0..=TTL {
        match bench.ask("t").await {
            Seen::Active(_, source) => assert_eq!(source, Source::Hit),
            seen @ (Seen::Inactive(_) | Seen::Fails(_)) => {
                assert_eq!(seen, Seen::Fails(Failure::Timeout))
            }
        }
        bench.clock.advance(1);
    }
    assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
}

#[tokio::test]
async fn nothing_stands_in_past_its_end() {
    let end = TTL + 100;
    for by_wall_clock_alone in [false, true] {
        let (bench, provider) = known(FORGIVING, good_until(i64::from(end))).await;
        provider.script("t", Failure::Timeout);
        bench.clock.advance(end - 1);
        assert_eq!(bench.ask("t").await, active(Source::Stale));
        if by_wall_clock_alone {
            bench.clock.set(crate::harness::at(i64::from(end)));
        } else {
            bench.clock.advance(1);
        }
        assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
    }
}

#[tokio::test]
async fn nothing_stands_in_longer_than_configured() {
    let (bench, provider) = known(FORGIVING, good()).await;
    provider.script("t", Failure::Timeout);
    bench.clock.advance(TTL_AT_LEAST + STALE - 1);
    assert_eq!(bench.ask("t").await, active(Source::Stale));
    bench.clock.advance(TTL - TTL_AT_LEAST + 1);
    assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
}

/// The failure itself takes time: what counts is when it is known.
#[tokio::test]
async fn a_failure_that_comes_too_late_has_no_stand_in() {
    for (slowness, expected) in [
        (1, active(Source::Stale)),
        (STALE, Seen::Fails(Failure::Timeout)),
    ] {
        let (bench, provider) = known(FORGIVING, good()).await;
        provider.script("t", Failure::Timeout);
        bench.clock.advance(TTL);
        provider.hold();
        let asking = bench.asking("t").await;
        provider.arrived(2).await;
        bench.clock.advance(slowness);
        provider.release();
        assert_eq!(asking.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_stand_in_does_not_extend_its_life() {
    let (bench, provider) = known(FORGIVING, good()).await;
    provider.script("t", Failure::Timeout);
    bench.clock.advance(TTL);
    let mut stale = 0;
    for _ in 0..STALE {
        stale += u32::from(bench.ask("t").await == active(Source::Stale));
        bench.clock.advance(1);
    }
    assert!(
        (STALE - (TTL - TTL_AT_LEAST)..=STALE).contains(&stale),
        "{stale} seconds"
    );
    assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
}

#[tokio::test]
async fn an_inactive_fact_never_stands_in() {
    // The last one would have become active by itself.
    let answers = [
        Introspection::Inactive,
        Introspection::Token(Box::new(good_from(i64::from(INACTIVE_TTL) - 1))),
    ];
    for answer in answers {
        let (bench, provider) = Bench::single(FORGIVING);
        provider.script("t", answer);
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
        provider.script("t", Failure::Timeout);
        bench.clock.advance(INACTIVE_TTL);
        assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
    }
}

#[tokio::test]
async fn a_token_taken_back_has_no_stand_in_from_before() {
    for inactive_ttl in [LIMITS.times.inactive_ttl, Duration::ZERO] {
        let (bench, provider) = known(
            CacheLimits {
                times: CacheTimes {
                    inactive_ttl,
                    ..FORGIVING.times
                },
                ..FORGIVING
            },
            good(),
        )
        .await;
        provider.script("t", Introspection::Inactive);
        bench.clock.advance(TTL);
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
        provider.script("t", Failure::Timeout);
        bench.clock.advance(INACTIVE_TTL);
        assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
    }
}

#[tokio::test]
async fn a_stand_in_wins_beside_a_provider_that_knows_nothing() {
    let (own, other) = (Fake::new(), Fake::new());
    own.script("t", good());
    let upstreams = vec![
        upstream("other", &other, Some(regex("."))),
        upstream("own", &own, Some(regex("t"))),
    ];
    let bench = Bench::new(upstreams, &Unmatched::Reject, FORGIVING);
    assert_eq!(bench.ask("t").await, active_by("own", Source::Miss));
    own.script("t", Failure::Timeout);
    bench.clock.advance(TTL);
    assert_eq!(bench.ask("t").await, active_by("own", Source::Stale));
}
