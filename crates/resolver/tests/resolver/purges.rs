//! What was purged is asked about again, races with questions under way included.

use std::time::Duration;

use introspectd_core::{Failure, Introspection, Token, TokenId};
use introspectd_resolver::{CacheLimits, Source, Unmatched};

use crate::harness::{Bench, Fake, LIMITS, Seen, active, active_by, good, name, upstream, value};

fn of(sub: &str) -> Introspection {
    let mut token = good();
    token.sub = Some(sub.to_owned());
    Introspection::Token(Box::new(token))
}

#[tokio::test]
async fn a_purged_token_is_asked_about_again_and_the_others_are_not() {
    let (bench, provider) = Bench::single(LIMITS);
    for token in ["one", "two"] {
        provider.script(token, good());
        bench.ask(token).await;
    }
    bench.ask("unknown").await;
    assert_eq!(bench.resolver.purge_token(&value("one")), 1);
    assert_eq!(bench.resolver.purge_token(&value("unknown")), 1);
    assert_eq!(bench.resolver.purge_token(&value("never-seen")), 0);
    assert_eq!(bench.ask("one").await, active(Source::Miss));
    assert_eq!(bench.ask("unknown").await, Seen::Inactive(Source::Miss));
    assert_eq!(bench.ask("two").await, active(Source::Hit));
}

#[tokio::test]
async fn a_token_is_forgotten_at_every_provider_and_its_id_is_apart() {
    let (one, two) = (Fake::new(), Fake::new());
    let upstreams = vec![upstream("one", &one, None), upstream("two", &two, None)];
    let bench = Bench::new(upstreams, &Unmatched::AskAll, LIMITS);
    one.script("t", good());
    bench.ask_only("t", "one").await;
    bench.ask_only("t", "two").await;
    bench.lookup("t", "one").await;
    assert_eq!(bench.resolver.purge_token(&value("t")), 2);
    assert_eq!(bench.lookup("t", "one").await, active_by("one", Source::Hit));
    let id = TokenId::parse("t".to_owned()).unwrap();
    assert_eq!(bench.resolver.purge_id(&id, &name("two")), 0);
    assert_eq!(bench.resolver.purge_id(&id, &name("one")), 1);
}

#[tokio::test]
async fn facts_go_by_what_they_say_and_those_that_say_nothing_go_too() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("a1", of("alice"));
    provider.script("a2", of("alice"));
    provider.script("b", of("bob"));
    for token in ["a1", "a2", "b", "unknown"] {
        bench.ask(token).await;
    }
    let is_alice = |token: &Token| token.sub.as_deref() == Some("alice");
    assert_eq!(bench.resolver.purge(is_alice), 3);
    assert_eq!(bench.ask("b").await, active(Source::Hit));
    for gone in ["a1", "a2"] {
        assert_eq!(bench.ask(gone).await, active(Source::Miss));
    }
    assert_eq!(bench.resolver.purge(|_| true), 3);
}

/// The answer that is on its way was decided before the purge.
#[tokio::test]
async fn a_question_under_way_is_asked_again_by_those_who_wait_for_it() {
    for broad in [false, true] {
        let (bench, provider) = Bench::single(LIMITS);
        provider.script("t", of("alice"));
        provider.hold();
        let waiting = [bench.asking("t").await, bench.asking("t").await];
        provider.arrived(1).await;
        provider.script("t", Introspection::Inactive);
        if broad {
            bench.resolver.purge(|token| token.sub.as_deref() == Some("alice"));
        } else {
            bench.resolver.purge_token(&value("t"));
        }
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

#[tokio::test]
async fn a_question_under_way_about_something_else_is_left_alone() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", of("bob"));
    provider.hold();
    let waiting = bench.asking("t").await;
    provider.arrived(1).await;
    for _ in 0..3 {
        bench.resolver.purge(|token| token.sub.as_deref() == Some("alice"));
    }
    provider.release();
    assert_eq!(waiting.await.unwrap(), active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    assert_eq!(provider.questions(), 1);
}

#[tokio::test]
async fn a_purge_of_one_token_leaves_the_questions_about_others_alone() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    provider.hold();
    let waiting = bench.asking("t").await;
    provider.arrived(1).await;
    bench.resolver.purge_token(&value("other"));
    provider.release();
    assert_eq!(waiting.await.unwrap(), active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
}

#[tokio::test]
async fn nothing_that_was_purged_stands_in_for_a_provider_that_is_down() {
    let (bench, provider) = Bench::single(CacheLimits { stale_if_error: Duration::from_secs(600), ..LIMITS });
    provider.script("t", good());
    bench.ask("t").await;
    bench.clock.advance(u32::try_from(LIMITS.ttl.as_secs()).unwrap());
    provider.script("t", Failure::Timeout);
    assert_eq!(bench.ask("t").await, active(Source::Stale));
    bench.resolver.purge_token(&value("t"));
    assert_eq!(bench.ask("t").await, Seen::Fails(Failure::Timeout));
}
