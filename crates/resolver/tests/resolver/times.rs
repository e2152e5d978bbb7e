//! Both sides of every boundary in time.

use introspectd_core::{Expiry, Introspection, Status, Token};
use introspectd_resolver::{CacheLimits, CacheTimes, ProviderEntry, Source, Unmatched};
use std::time::Duration;

use crate::harness::{
    Bench, Fake, INACTIVE_TTL, INACTIVE_TTL_AT_LEAST, LIMITS, Seen, TTL, TTL_AT_LEAST, UNCACHED,
    active, at, good, good_from, good_until, prefix, upstream,
};

#[tokio::test]
async fn nothing_is_active_at_its_end() {
    for limits in [LIMITS, UNCACHED] {
        let (bench, provider) = Bench::single(limits);
        provider.script("t", good_until(100));
        assert_eq!(bench.ask("t").await, active(Source::Miss));
        bench.clock.advance(99);
        assert!(matches!(bench.ask("t").await, Seen::Active(..)));
        bench.clock.advance(1);
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    }
}

#[tokio::test]
async fn a_cached_fact_ends_when_only_the_wall_clock_moves() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good_until(100));
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    for (seconds, expected) in [
        (99, active(Source::Hit)),
        (100, Seen::Inactive(Source::Hit)),
        (86_400, Seen::Inactive(Source::Hit)),
        (-86_400, active(Source::Hit)),
        (99, active(Source::Hit)),
    ] {
        bench.clock.set(at(seconds));
        assert_eq!(bench.ask("t").await, expected, "at {seconds}");
    }
    assert_eq!(provider.questions(), 1);
}

#[tokio::test]
async fn token_past_its_end_is_inactive_whatever_the_provider_says() {
    let (bench, provider) = Bench::single(LIMITS);
    for (text, end) in [("now", 0), ("long ago", -1_000_000)] {
        provider.script(text, good_until(end));
        assert_eq!(bench.ask(text).await, Seen::Inactive(Source::Miss));
        assert_eq!(bench.ask(text).await, Seen::Inactive(Source::Hit));
    }
}

#[tokio::test]
async fn an_active_fact_is_used_for_its_ttl_and_not_longer() {
    let (bench, provider) = Bench::single(LIMITS);
    for text in (0..50).map(|number| format!("t{number}")) {
        provider.script(&text, good());
        assert_eq!(bench.ask(&text).await, active(Source::Miss));
        bench.clock.advance(TTL_AT_LEAST - 1);
        assert_eq!(bench.ask(&text).await, active(Source::Hit));
        bench.clock.advance(TTL - TTL_AT_LEAST + 1);
        assert_eq!(bench.ask(&text).await, active(Source::Miss));
    }
}

#[tokio::test]
async fn an_inactive_fact_is_used_for_its_ttl_and_not_longer() {
    let (bench, provider) = Bench::single(LIMITS);
    for (number, answer) in [
        Introspection::Inactive,
        Introspection::Token(Box::new(Token::new(Status::Revoked, Expiry::Never))),
        Introspection::Token(Box::new(Token::new(Status::Expired, Expiry::Never))),
        Introspection::Token(Box::new(Token::new(Status::Unknown, Expiry::Never))),
        Introspection::Token(Box::new(good_until(-1))),
        Introspection::Token(Box::new(good_from(100_000))),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("t{number}");
        provider.script(&text, answer);
        assert_eq!(bench.ask(&text).await, Seen::Inactive(Source::Miss));
        bench.clock.advance(INACTIVE_TTL_AT_LEAST - 1);
        assert_eq!(bench.ask(&text).await, Seen::Inactive(Source::Hit));
        bench
            .clock
            .advance(INACTIVE_TTL - INACTIVE_TTL_AT_LEAST + 1);
        assert_eq!(bench.ask(&text).await, Seen::Inactive(Source::Miss));
    }
}

#[tokio::test]
async fn a_ttl_of_nothing_asks_every_time() {
    let (bench, provider) = Bench::single(CacheLimits {
        times: CacheTimes {
            ttl: Duration::ZERO,
            ..LIMITS.times
        },
        ..LIMITS
    });
    provider.script("t", good());
    for _ in 0..3 {
        assert_eq!(bench.ask("t").await, active(Source::Miss));
    }
    let (bench, _provider) = Bench::single(CacheLimits {
        times: CacheTimes {
            inactive_ttl: Duration::ZERO,
            ..LIMITS.times
        },
        ..LIMITS
    });
    for _ in 0..3 {
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    }
}

#[tokio::test]
async fn the_wall_clock_neither_ages_nor_renews_a_fact() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    bench.clock.set(at(86_400));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    bench.clock.set(at(-86_400));
    bench.clock.advance(TTL);
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

#[tokio::test]
async fn jitter_takes_a_tenth_at_most_and_spreads() {
    const TOKENS: usize = 400;
    let (bench, provider) = Bench::single(LIMITS);
    let texts: Vec<_> = (0..TOKENS).map(|number| format!("t{number}")).collect();
    for text in &texts {
        provider.script(text, good());
        bench.ask(text).await;
    }
    bench.clock.advance(TTL_AT_LEAST - 1);
    for text in &texts {
        assert_eq!(bench.ask(text).await, active(Source::Hit));
    }
    // Half way through the jitter: about a half of them. That it is none or nearly all of 400 fair
    // coins does not happen.
    bench.clock.advance(1 + (TTL - TTL_AT_LEAST) / 2);
    let mut hits = 0;
    for text in &texts {
        hits += usize::from(bench.ask(text).await == active(Source::Hit));
    }
    assert!(
        (TOKENS / 4..TOKENS * 3 / 4).contains(&hits),
        "{hits} of {TOKENS}"
    );
}

#[tokio::test]
async fn hits_do_not_extend_a_life() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    let mut asked_again = Vec::new();
    for second in 1..=TTL {
        bench.clock.advance(1);
        if bench.ask("t").await == active(Source::Miss) {
            asked_again.push(second);
        }
    }
    assert_eq!(provider.questions(), 2);
    assert!(
        matches!(asked_again.as_slice(), [second] if *second >= TTL_AT_LEAST),
        "{asked_again:?}"
    );
}

#[tokio::test]
async fn a_cached_token_becomes_active_when_its_time_comes() {
    for by_wall_clock_alone in [false, true] {
        let (bench, provider) = Bench::single(LIMITS);
        provider.script("t", good_from(50));
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
        let pass = |seconds: u32| {
            if by_wall_clock_alone {
                let now = introspectd_core::Clock::now(&*bench.clock);
                bench
                    .clock
                    .set(now.plus_seconds(i64::from(seconds)).unwrap());
            } else {
                bench.clock.advance(seconds);
            }
        };
        pass(40);
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Hit));
        pass(9);
        assert!(matches!(bench.ask("t").await, Seen::Inactive(_)));
        pass(1);
        assert!(matches!(bench.ask("t").await, Seen::Active(..)));
    }
}

/// `ttl = 0` is how an operator asks for every active answer to be the provider's of this moment. A
/// fact that was cached while its time had not come must not undo that.
#[tokio::test]
async fn a_fact_from_before_its_time_is_not_reused_as_an_active_one() {
    let (bench, provider) = Bench::single(CacheLimits {
        times: CacheTimes {
            ttl: Duration::ZERO,
            ..LIMITS.times
        },
        ..LIMITS
    });
    provider.script("t", good_from(20));
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    provider.script("t", Introspection::Inactive);
    bench.clock.advance(20);
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn a_slow_answers_life_counts_from_the_asking() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    provider.hold();
    let asking = bench.asking("t").await;
    provider.arrived(1).await;
    bench.clock.advance(500);
    provider.release();
    assert_eq!(asking.await.unwrap(), active(Source::Miss));
    bench.clock.advance(TTL_AT_LEAST - 1 - 500);
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    bench.clock.advance(TTL - TTL_AT_LEAST + 1);
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

#[tokio::test]
async fn an_answer_slower_than_its_ttl_is_not_reused() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("active", good());
    for text in ["active", "inactive"] {
        let questions = provider.questions();
        provider.hold();
        let asking = bench.asking(text).await;
        provider.arrived(questions + 1).await;
        bench.clock.advance(TTL);
        provider.release();
        asking.await.unwrap();
        bench.ask(text).await;
        assert_eq!(provider.questions(), questions + 2);
    }
}

#[tokio::test]
async fn a_token_that_ends_while_its_answer_is_under_way_is_inactive() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good_until(100));
    provider.hold();
    let asking = bench.asking("t").await;
    provider.arrived(1).await;
    bench.clock.advance(100);
    provider.release();
    assert_eq!(asking.await.unwrap(), Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn a_token_taken_back_is_inactive_after_the_ttl() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    provider.script("t", Introspection::Inactive);
    bench.clock.advance(TTL_AT_LEAST - 1);
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    bench.clock.advance(TTL - TTL_AT_LEAST + 1);
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Hit));
}

#[tokio::test]
async fn a_token_that_becomes_known_is_active_after_the_inactive_ttl() {
    let (bench, provider) = Bench::single(LIMITS);
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    provider.script("t", good());
    bench.clock.advance(INACTIVE_TTL_AT_LEAST - 1);
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Hit));
    bench
        .clock
        .advance(INACTIVE_TTL - INACTIVE_TTL_AT_LEAST + 1);
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
}

#[tokio::test]
async fn clock_skew_of_a_provider_lets_tokens_begin_early_and_lengthens_none() {
    let fake = Fake::new();
    let entry = ProviderEntry {
        clock_skew: Duration::from_millis(30_900),
        ..upstream("as", &fake, Some(prefix("")))
    };
    let bench = Bench::new(vec![entry], &Unmatched::Reject, LIMITS);
    fake.script("in time", good_from(30));
    fake.script("too early", good_from(31));
    fake.script("ended", good_until(0));
    assert_eq!(bench.ask("in time").await, active(Source::Miss));
    assert_eq!(bench.ask("too early").await, Seen::Inactive(Source::Miss));
    assert_eq!(bench.ask("ended").await, Seen::Inactive(Source::Miss));
}
