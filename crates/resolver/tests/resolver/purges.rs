//! Purged facts are requested again, races with in-flight requests included.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{
    Failure, Introspection, ManualClock, Outage, ProviderName, Selection, Selector, Target, Token,
    TokenId,
};
use introspectd_resolver::{CacheLimits, CacheTimes, ProviderEntry, Purged, Source, Unmatched};

use crate::harness::{
    Bench, Fake, LIMITS, Seen, UNCACHED, active, active_by, at, good, name, poll_once, prefix,
    upstream, value, within,
};

/// Longer than any pass here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn record(sub: &str, client_id: &str, jti: &str) -> Token {
    let text = |text: &str| Some(text.to_owned());
    Token {
        sub: text(sub),
        client_id: text(client_id),
        jti: text(jti),
        ..good()
    }
}

fn of(sub: &str) -> Introspection {
    Introspection::Token(Box::new(record(sub, "app", "id")))
}

fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).unwrap()
}

fn token(text: &str) -> Target {
    Target::Token(value(text))
}

fn subject(text: &str) -> Target {
    Target::Subject(text.to_owned())
}

fn record_of(provider: &str, text: &str) -> Target {
    Target::Record {
        provider: name(provider),
        id: id(text),
    }
}

async fn counted(bench: &Bench, target: Target) -> usize {
    let purged = within(
        bench
            .resolver
            .purge_counted(&Selector::new(target), PATIENCE),
    )
    .await
    .unwrap();
    assert!(!purged.is_estimate);
    purged.count
}

/// Two providers, `a` and `b`, whose tokens begin with their names.
fn two() -> (Bench, [Arc<Fake>; 2]) {
    let fakes = [Fake::new(), Fake::new()];
    let upstreams = vec![
        upstream("a", &fakes[0], Some(prefix("a"))),
        upstream("b", &fakes[1], Some(prefix("b"))),
    ];
    (Bench::new(upstreams, &Unmatched::Reject, LIMITS), fakes)
}

#[tokio::test]
async fn a_purged_token_is_asked_about_again_and_the_others_are_not() {
    let (bench, provider) = Bench::single(LIMITS);
    for token in ["one", "two"] {
        provider.script(token, good());
        bench.ask(token).await;
    }
    bench.ask("unknown").await;
    for (purged, count) in [("one", 1), ("unknown", 1), ("never-seen", 0)] {
        assert_eq!(counted(&bench, token(purged)).await, count, "{purged}");
    }
    assert_eq!(bench.ask("one").await, active(Source::Miss));
    assert_eq!(bench.ask("unknown").await, Seen::Inactive(Source::Miss));
    assert_eq!(bench.ask("two").await, active(Source::Hit));
}

#[tokio::test]
async fn a_token_is_purged_at_every_provider_and_its_id_is_apart() {
    let (one, two) = (Fake::new(), Fake::new());
    let upstreams = vec![upstream("one", &one, None), upstream("two", &two, None)];
    let bench = Bench::new(upstreams, &Unmatched::AskAll, LIMITS);
    one.script("t", good());
    bench.ask_only("t", "one").await;
    bench.ask_only("t", "two").await;
    bench.lookup("t", "one").await;
    assert_eq!(counted(&bench, token("t")).await, 2);
    assert_eq!(
        bench.lookup("t", "one").await,
        active_by("one", Source::Hit)
    );
    assert_eq!(counted(&bench, record_of("two", "t")).await, 0);
    assert_eq!(counted(&bench, record_of("one", "t")).await, 1);
    assert_eq!(
        bench.lookup("t", "one").await,
        active_by("one", Source::Miss)
    );
}

#[tokio::test]
async fn each_target_means_its_own_facts_at_its_own_provider() {
    for (target, gone) in [
        (token("a1"), vec!["a1"]),
        (subject("alice"), vec!["a1", "b1"]),
        (Target::Client("app".to_owned()), vec!["a1", "a2", "b1"]),
        (record_of("a", "id-1"), vec!["a1"]),
        (record_of("b", "id-1"), vec!["b1"]),
        (Target::Provider(name("a")), vec!["a-unknown", "a1", "a2"]),
        (
            Target::All,
            vec!["a-unknown", "a1", "a2", "b-unknown", "b1"],
        ),
        // What is one's subject is not another's client or id.
        (subject("app"), vec![]),
        (Target::Client("alice".to_owned()), vec![]),
        (record_of("a", "alice"), vec![]),
        // No token has it, and what no provider knows is of no subject.
        (subject("nobody"), vec![]),
    ] {
        let (bench, [a, b]) = two();
        a.script("a1", record("alice", "app", "id-1"));
        a.script("a2", record("bob", "app", "id-2"));
        b.script("b1", record("alice", "app", "id-1"));
        let all = ["a-unknown", "a1", "a2", "b-unknown", "b1"];
        for token in all {
            bench.ask(token).await;
        }
        assert_eq!(
            counted(&bench, target.clone()).await,
            gone.len(),
            "{target:?}"
        );
        for token in all {
            let source = match bench.ask(token).await {
                Seen::Active(_, source) | Seen::Inactive(source) => source,
                Seen::Fails(failure) => panic!("{failure}"),
            };
            let expected = if gone.contains(&token) {
                Source::Miss
            } else {
                Source::Hit
            };
            assert_eq!(source, expected, "{token} after {target:?}");
        }
    }
}

#[tokio::test]
async fn a_record_is_purged_by_its_id_and_by_each_of_its_tokens() {
    let (bench, [a, _]) = two();
    for text in ["id", "a1", "a2"] {
        a.script(text, record("alice", "app", "id"));
    }
    bench.lookup("id", "a").await;
    bench.ask("a1").await;
    bench.ask("a2").await;
    bench.resolver.purge_id(&id("id"), &name("a"));
    assert_eq!(bench.lookup("id", "a").await, active_by("a", Source::Miss));
    for token in ["a1", "a2"] {
        assert_eq!(bench.ask(token).await, active_by("a", Source::Miss));
    }
}

#[tokio::test]
async fn a_purge_is_confined_to_a_selection_of_providers() {
    for target in [
        Target::All,
        subject("alice"),
        Target::Client("app".to_owned()),
        token("ab"),
    ] {
        let fakes = [Fake::new(), Fake::new()];
        let upstreams = vec![
            upstream("a", &fakes[0], None),
            upstream("b", &fakes[1], None),
        ];
        let bench = Bench::new(upstreams, &Unmatched::AskAll, LIMITS);
        for (fake, provider) in fakes.iter().zip(["a", "b"]) {
            fake.script("ab", of("alice"));
            bench.ask_only("ab", provider).await;
        }
        let only_b: BTreeSet<ProviderName> = [name("b")].into();
        let selector = Selector::new(target.clone()).within(Selection::Only(only_b));
        let purged = bench
            .resolver
            .purge_counted(&selector, PATIENCE)
            .await
            .unwrap();
        assert_eq!(
            purged,
            Purged {
                count: 1,
                is_estimate: false
            },
            "{target:?}"
        );
        assert_eq!(bench.ask_only("ab", "a").await, active_by("a", Source::Hit));
        assert_eq!(
            bench.ask_only("ab", "b").await,
            active_by("b", Source::Miss)
        );
    }
}

/// The answer that is on its way was decided before the purge.
#[tokio::test]
async fn purge_makes_waiters_request_again() {
    for target in [
        token("t"),
        subject("alice"),
        record_of("as", "id"),
        Target::All,
    ] {
        let (bench, provider) = Bench::single(LIMITS);
        provider.script("t", of("alice"));
        provider.hold();
        let waiting = [bench.asking("t").await, bench.asking("t").await];
        provider.arrived(1).await;
        provider.script("t", Introspection::Inactive);
        bench.resolver.purge(&Selector::new(target));
        let later = bench.asking("t").await;
        provider.release();
        for answer in waiting.into_iter().chain([later]) {
            let answer = answer.await.unwrap();
            assert!(matches!(answer, Seen::Inactive(_)), "{answer:?}");
        }
        assert_eq!(provider.questions(), 2, "one flight for all who ask again");
        assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Hit));
    }
}

/// A worker may be late: the flight has landed and the purge was answered before it takes the
/// outcome.
#[tokio::test]
async fn a_late_waiter_judges_again_when_it_takes_the_outcome() {
    for limits in [LIMITS, UNCACHED] {
        for target in [
            token("t"),
            subject("alice"),
            record_of("as", "id"),
            Target::Provider(name("as")),
        ] {
            let (bench, provider) = Bench::single(limits);
            provider.script("t", of("alice"));
            provider.hold();
            let (mut prompt, mut late) = (Box::pin(bench.ask("t")), Box::pin(bench.ask("t")));
            assert!(poll_once(&mut prompt).await.is_pending());
            assert!(poll_once(&mut late).await.is_pending());
            provider.arrived(1).await;
            provider.release();
            assert_eq!(prompt.await, active(Source::Miss));
            provider.script("t", Introspection::Inactive);
            counted(&bench, target.clone()).await;
            let late = within(late).await;
            assert!(
                matches!(late, Seen::Inactive(_)),
                "{late:?} after {target:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_question_under_way_about_something_else_is_left_alone() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", of("bob"));
    provider.hold();
    let waiting = bench.asking("t").await;
    provider.arrived(1).await;
    for _ in 0..3 {
        bench.resolver.purge(&Selector::new(subject("alice")));
        bench.resolver.purge_token(&value("other"));
        bench.resolver.purge_id(&id("other"), &name("as"));
    }
    provider.release();
    assert_eq!(waiting.await.unwrap(), active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    assert_eq!(provider.questions(), 1);
}

#[tokio::test]
async fn nothing_that_was_purged_stands_in_for_a_provider_that_is_down() {
    let limits = CacheLimits {
        times: CacheTimes {
            stale_if_error: Duration::from_secs(600),
            ..LIMITS.times
        },
        ..LIMITS
    };
    for target in [token("t"), subject("alice")] {
        let (bench, provider) = Bench::single(limits);
        provider.script("t", of("alice"));
        bench.ask("t").await;
        bench
            .clock
            .advance(u32::try_from(LIMITS.times.ttl.as_secs()).unwrap());
        provider.script("t", Failure::Timeout);
        assert_eq!(bench.ask("t").await, active(Source::Stale));
        bench.resolver.purge(&Selector::new(target));
        assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
    }
}

/// Revocations at one provider cost the callers of another neither time nor requests.
#[tokio::test]
async fn purges_at_one_provider_cost_the_unknown_tokens_of_another_nothing() {
    let (bench, [_, b]) = two();
    b.hold();
    let waiting = bench.asking("b-unknown").await;
    b.arrived(1).await;
    for number in 0..100 {
        bench
            .resolver
            .purge_id(&id(&number.to_string()), &name("a"));
        bench
            .resolver
            .purge(&Selector::new(subject(&number.to_string())));
        bench
            .resolver
            .purge(&Selector::new(Target::Provider(name("a"))));
    }
    b.release();
    assert_eq!(waiting.await.unwrap(), Seen::Inactive(Source::Miss));
    assert_eq!(bench.ask("b-unknown").await, Seen::Inactive(Source::Hit));
    assert_eq!(b.questions(), 1);
}

#[tokio::test]
async fn repeatedly_purged_token_is_requested_four_times_and_then_fails() {
    let (bench, provider) = Bench::single(CacheLimits {
        times: CacheTimes {
            stale_if_error: Duration::from_secs(600),
            ..LIMITS.times
        },
        ..LIMITS
    });
    provider.script("t", good());
    provider.hold();
    let waiting = [bench.asking("t").await, bench.asking("t").await];
    for questions in 1..=4 {
        provider.arrived(questions).await;
        bench.resolver.purge_token(&value("t"));
        provider.land().await;
    }
    for answer in waiting {
        assert_eq!(
            within(answer).await.unwrap(),
            Seen::Fails(Failure::outage(Outage::Purged))
        );
    }
    assert_eq!(provider.questions(), 4);
    provider.release();
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

/// All tries together end in the time of one.
#[tokio::test(start_paused = true)]
async fn the_providers_timeout_bounds_all_tries_together() {
    let provider = Fake::new();
    let timeout = Duration::from_secs(3);
    let entry = ProviderEntry {
        timeout,
        ..upstream("as", &provider, Some(prefix("")))
    };
    let clock = Arc::new(ManualClock::at(at(0)));
    let bench = Bench::with_clock(vec![entry], &Unmatched::Reject, LIMITS, &clock);
    provider.hold();
    let began = tokio::time::Instant::now();
    let waiting = bench.asking("t").await;
    provider.arrived(1).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    bench.resolver.purge_token(&value("t"));
    provider.land().await;
    provider.arrived(2).await;
    assert_eq!(
        waiting.await.unwrap(),
        Seen::Fails(Failure::outage(Outage::Purged))
    );
    assert_eq!(began.elapsed().as_secs(), 3);
}
