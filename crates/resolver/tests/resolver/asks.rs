//! Counters of asks, as a scrape reads them.

use std::sync::Arc;

use introspectd_core::ask::{Operation, Outcome};
use introspectd_core::{BadAnswer, Failure, Outage, TokenId};
use introspectd_resolver::Unmatched;

use crate::harness::{Bench, Can, Fake, LIMITS, good, name, prefix, upstream};

fn bench() -> (Bench, Arc<Fake>) {
    let fake = Fake::that(Can {
        lookup: true,
        revoke: true,
    });
    let entries = vec![upstream("as", &fake, Some(prefix("")))];
    (Bench::new(entries, &Unmatched::Reject, LIMITS), fake)
}

/// All asks so far that were counted, by operation and outcome.
fn counted(bench: &Bench) -> Vec<(&'static str, &'static str, u64)> {
    let status = bench.resolver.providers().next().unwrap();
    let all = Operation::ALL
        .into_iter()
        .flat_map(|operation| Outcome::ALL.map(|outcome| (operation, outcome)));
    all.map(|(operation, outcome)| {
        let asks = status.meter.asks(operation, outcome);
        (operation.as_str(), outcome.as_str(), asks)
    })
    .filter(|(_, _, asks)| *asks > 0)
    .collect()
}

#[tokio::test]
async fn each_ask_is_counted_once_by_what_it_was_for_and_how_it_ended() {
    let (bench, fake) = bench();
    fake.script("good", good());
    fake.script("slow", Failure::Timeout);
    fake.script("odd", Failure::from(BadAnswer::NotAnObject));
    for token in ["good", "good", "made up", "slow", "odd", "slow"] {
        bench.ask(token).await;
    }
    bench.lookup("made up", "as").await;
    let id = TokenId::parse("good".to_owned()).unwrap();
    let revoked = bench.resolver.revoke_by_id(&id, &name("as")).await;
    assert_eq!(revoked, Ok(()));
    let expected = [
        ("introspect", "ok", 1),
        ("introspect", "inactive", 1),
        ("introspect", "timeout", 2),
        ("introspect", "bad_answer", 1),
        ("lookup", "inactive", 1),
        ("revoke", "ok", 1),
    ];
    assert_eq!(counted(&bench), expected);
    let status = bench.resolver.providers().next().unwrap();
    assert_eq!(status.meter.durations(Operation::Introspect).count(), 5);
}

#[tokio::test]
async fn hits_and_waiters_are_no_asks() {
    let (bench, fake) = bench();
    fake.script("t", good());
    fake.hold();
    let waiters = [bench.asking("t").await, bench.asking("t").await];
    fake.release();
    for waiter in waiters {
        waiter.await.unwrap();
    }
    bench.ask("t").await;
    assert_eq!(counted(&bench), [("introspect", "ok", 1)]);
}

#[tokio::test]
async fn spared_ask_is_counted_and_hides_no_failure_of_the_provider() {
    let (bench, fake) = bench();
    fake.script("down", Failure::outage(Outage::Closed));
    fake.script("open", Failure::outage(Outage::BreakerOpen));
    fake.script("full", Failure::QueueTimeout);
    for token in ["down", "open", "full"] {
        bench.ask(token).await;
    }
    let expected = [
        ("introspect", "closed", 1),
        ("introspect", "overloaded", 1),
        ("introspect", "breaker_open", 1),
    ];
    assert_eq!(counted(&bench), expected);
    let last = bench.resolver.providers().next().unwrap().last_failure;
    let failure = last.map(|(failure, _)| failure);
    assert_eq!(failure, Some(Failure::outage(Outage::Closed)));
}
