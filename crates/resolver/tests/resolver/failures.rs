//! A failure says nothing about a token, and is forgotten at once.

use introspectd_core::{Failure, Outage};
use introspectd_resolver::Source;

use crate::harness::{
    Answer, Bench, LIMITS, Seen, active, failures_of_the_provider, good, other_failures,
};

#[tokio::test]
async fn no_failure_is_cached() {
    for failure in failures_of_the_provider()
        .into_iter()
        .chain(other_failures())
    {
        let (bench, provider) = Bench::single(LIMITS);
        provider.script("t", failure.clone());
        for questions in 1..=3 {
            assert_eq!(bench.ask("t").await, Seen::Fails(failure.clone()));
            assert_eq!(provider.questions(), questions, "{failure}");
        }
        provider.script("t", good());
        assert_eq!(bench.ask("t").await, active(Source::Miss), "{failure}");
        assert_eq!(bench.ask("t").await, active(Source::Hit), "{failure}");
    }
}

#[tokio::test]
async fn a_failure_about_one_token_leaves_the_others_alone() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("good", good());
    provider.script("bad", Failure::Timeout);
    assert_eq!(bench.ask("good").await, active(Source::Miss));
    assert_eq!(bench.ask("bad").await, Seen::Fails(Failure::Timeout));
    assert_eq!(bench.ask("good").await, active(Source::Hit));
    assert_eq!(bench.ask("other").await, Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn panic_in_an_adapter_fails_its_waiters_only() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", Answer::Panics);
    provider.hold();
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(bench.asking("t").await);
    }
    provider.arrived(1).await;
    provider.release();
    for waiter in waiting {
        assert_eq!(
            waiter.await.unwrap(),
            Seen::Fails(Failure::outage(Outage::Abandoned))
        );
    }
    assert_eq!(provider.questions(), 1);

    provider.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

/// Several threads: the permit of an ended request could still seem taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_after_an_outcome_starts_a_new_flight() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("panics", Answer::Panics);
    provider.script("fails", Failure::Timeout);
    for round in 1..=200 {
        bench.ask("fails").await;
        if round <= 20 {
            bench.ask("panics").await;
        }
        assert_eq!(provider.questions(), round + round.min(20));
    }
}
