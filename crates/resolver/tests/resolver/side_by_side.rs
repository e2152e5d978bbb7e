//! Several providers asked about one token: one active answer wins, inactive needs all, else the
//! failure.

use std::sync::Arc;

use introspectd_core::{Failure, Introspection, Token};
use introspectd_resolver::{Source, Unmatched};

use crate::harness::{
    Answer, Bench, Fake, INACTIVE_TTL, LIMITS, Seen, active_by, at, good, name, poll_once, regex,
    upstream, value,
};

struct Pair {
    bench: Bench,
    a: Arc<Fake>,
    b: Arc<Fake>,
}

/// Every token may be of `a` and of `b`.
fn pair() -> Pair {
    let (a, b) = (Fake::new(), Fake::new());
    let upstreams = vec![
        upstream("a", &a, Some(regex("."))),
        upstream("b", &b, Some(regex("^."))),
    ];
    Pair {
        bench: Bench::new(upstreams, &Unmatched::Reject, LIMITS),
        a,
        b,
    }
}

impl Pair {
    /// The two in either order, with their names.
    fn both_ways(&self) -> [[(&'static str, &Arc<Fake>); 2]; 2] {
        let (a, b) = (("a", &self.a), ("b", &self.b));
        [[a, b], [b, a]]
    }
}

#[tokio::test]
async fn an_active_answer_wins_while_the_other_hangs() {
    for way in [0, 1] {
        let pair = pair();
        let [(winner, winning), (loser, losing)] = pair.both_ways()[way];
        winning.script("t", good());
        losing.hold();
        assert_eq!(pair.bench.ask("t").await, active_by(winner, Source::Miss));

        // The question that lost goes on, and what it brings is cached.
        losing.arrived(1).await;
        let bench = pair.bench.clone();
        let mut late = Box::pin(bench.ask_only("t", loser));
        assert!(poll_once(&mut late).await.is_pending());
        losing.release();
        assert_eq!(late.await, Seen::Inactive(Source::Coalesced));
        assert_eq!(
            pair.bench.ask_only("t", loser).await,
            Seen::Inactive(Source::Hit)
        );
        assert_eq!((winning.questions(), losing.questions()), (1, 1));
    }
}

#[tokio::test]
async fn an_active_answer_wins_over_a_failure() {
    for way in [0, 1] {
        let pair = pair();
        let [(winner, winning), (_, losing)] = pair.both_ways()[way];
        winning.script("t", good());
        losing.script("t", Failure::Timeout);
        assert_eq!(pair.bench.ask("t").await, active_by(winner, Source::Miss));
    }
}

#[tokio::test]
async fn an_active_answer_wins_when_it_comes_last() {
    for way in [0, 1] {
        for other in [
            Answer::Says(Introspection::Inactive),
            Answer::Fails(Failure::Timeout),
            Answer::Panics,
        ] {
            let pair = pair();
            let [(winner, winning), (_, losing)] = pair.both_ways()[way];
            winning.script("t", good());
            losing.script("t", other);
            winning.hold();
            let asking = pair.bench.asking("t").await;
            winning.arrived(1).await;
            losing.arrived(1).await;
            winning.release();
            assert_eq!(asking.await.unwrap(), active_by(winner, Source::Miss));
        }
    }
}

#[tokio::test]
async fn nothing_is_said_while_an_answer_is_outstanding() {
    for way in [0, 1] {
        for known in [
            Answer::Says(Introspection::Inactive),
            Answer::Fails(Failure::Timeout),
        ] {
            let pair = pair();
            let [(known_by, quick), (_, slow)] = pair.both_ways()[way];
            quick.script("t", known);
            // The quick one's answer is there already, unless it is a failure.
            pair.bench.ask_only("t", known_by).await;
            slow.hold();
            let mut asking = Box::pin(pair.bench.ask("t"));
            assert!(poll_once(&mut asking).await.is_pending());
            slow.arrived(1).await;
            assert!(poll_once(&mut asking).await.is_pending());
            slow.release();
            assert!(!matches!(asking.await, Seen::Active(..)));
        }
    }
}

#[tokio::test]
async fn token_is_inactive_only_if_every_provider_says_so() {
    let pair = pair();
    assert_eq!(pair.bench.ask("t").await, Seen::Inactive(Source::Miss));
    assert_eq!(pair.bench.ask("t").await, Seen::Inactive(Source::Hit));
    assert_eq!((pair.a.questions(), pair.b.questions()), (1, 1));
}

#[tokio::test]
async fn an_ended_record_is_no_active_answer() {
    let pair = pair();
    pair.a.script("t", crate::harness::good_until(0));
    assert_eq!(pair.bench.ask("t").await, Seen::Inactive(Source::Miss));
    pair.b.script("u", good());
    pair.a.script("u", crate::harness::good_until(0));
    assert_eq!(pair.bench.ask("u").await, active_by("b", Source::Miss));
}

#[tokio::test]
async fn a_failure_beside_an_inactive_answer_is_a_failure() {
    for way in [0, 1] {
        let pair = pair();
        let [_, (_, failing)] = pair.both_ways()[way];
        failing.script("t", Failure::Timeout);
        // The inactive answer is cached by then, and does not stand for the other's.
        for _ in 0..3 {
            assert_eq!(pair.bench.ask("t").await, Seen::Fails(Failure::Timeout));
        }
        assert_eq!(
            (pair.a.questions() + pair.b.questions(), failing.questions()),
            (4, 3)
        );
    }
}

#[tokio::test]
async fn facts_of_two_providers_about_one_token_stay_apart() {
    let pair = pair();
    let of = |sub: &str| Token {
        sub: Some(sub.to_owned()),
        ..good()
    };
    pair.a.script("t", of("alice"));
    pair.b.script("t", of("bob"));
    for _ in 0..2 {
        for (provider, sub) in [("a", "alice"), ("b", "bob")] {
            let resolution = pair
                .bench
                .resolver
                .introspect(value("t"), Some(&name(provider)), |_| true)
                .await
                .unwrap();
            let (by, token) = resolution.active(at(0)).unwrap();
            assert_eq!((by.as_str(), token.sub.as_deref()), (provider, Some(sub)));
        }
    }
    assert_eq!((pair.a.questions(), pair.b.questions()), (1, 1));
}

/// Else each token of one provider would be shown to the other every few seconds, for nothing.
#[tokio::test]
async fn cached_active_fact_sends_no_request() {
    for way in [0, 1] {
        let pair = pair();
        let [(winner, winning), (_, other)] = pair.both_ways()[way];
        winning.script("t", good());
        other.hold();
        assert_eq!(pair.bench.ask("t").await, active_by(winner, Source::Miss));
        other.arrived(1).await;
        other.release();
        for _ in 0..4 {
            pair.bench.clock.advance(INACTIVE_TTL);
            assert_eq!(pair.bench.ask("t").await, active_by(winner, Source::Hit));
            // A question that came of it would have its turn here.
            tokio::task::yield_now().await;
        }
        assert_eq!(other.questions(), 1);
    }
}
