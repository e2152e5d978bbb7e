//! Concurrent misses of one token ask once, and nobody's going away takes the answer from the
//! others.

use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt;
use introspectd_core::{Failure, Outage};
use introspectd_resolver::Source;

use crate::harness::{Bench, LIMITS, Seen, UNCACHED, Waiting, active, good, poll_once, value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_for_an_unknown_token_ask_once() {
    const REQUESTS: usize = 200;
    for limits in [LIMITS, UNCACHED] {
        let (bench, provider) = Bench::single(limits);
        provider.script("t", good());
        provider.hold();
        let waiting = Waiting::default();
        let tasks: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let resolver = bench.resolver.clone();
                tokio::spawn(waiting.until_pending(async move {
                    let resolution = resolver
                        .introspect(value("t"), None, |_| true)
                        .await
                        .unwrap();
                    (resolution.fact.map(|(_, fact)| fact), resolution.source)
                }))
            })
            .collect();
        waiting.count(REQUESTS).await;
        provider.arrived(1).await;
        provider.release();

        let mut resolutions = Vec::new();
        for task in tasks {
            resolutions.push(task.await.unwrap());
        }
        assert_eq!(provider.questions(), 1);
        let misses = resolutions
            .iter()
            .filter(|(_, source)| *source == Source::Miss)
            .count();
        let coalesced = resolutions
            .iter()
            .filter(|(_, source)| *source == Source::Coalesced)
            .count();
        assert_eq!((misses, coalesced), (1, REQUESTS - 1));
        assert!(
            resolutions
                .iter()
                .all(|(fact, _)| fact.is_some() && *fact == resolutions[0].0)
        );
    }
}

#[tokio::test]
async fn requests_for_different_tokens_do_not_wait_for_each_other() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.hold();
    let one = bench.asking("one").await;
    let two = bench.asking("two").await;
    provider.arrived(2).await;
    provider.release();
    assert_eq!(one.await.unwrap(), Seen::Inactive(Source::Miss));
    assert_eq!(two.await.unwrap(), Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn the_first_asker_goes_away_and_the_others_are_answered() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    provider.hold();
    let first = bench.asking("t").await;
    let others = [bench.asking("t").await, bench.asking("t").await];
    provider.arrived(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    provider.release();
    for other in others {
        assert_eq!(other.await.unwrap(), active(Source::Coalesced));
    }
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    assert_eq!(provider.questions(), 1);
}

#[tokio::test]
async fn all_askers_go_away_and_the_fact_is_cached() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    provider.hold();
    {
        // Dropped before the question's own task has run at all.
        let mut asker = Box::pin(bench.ask("t"));
        assert!(poll_once(&mut asker).await.is_pending());
    }
    provider.arrived(1).await;
    let later = bench.asking("t").await;
    provider.release();
    assert_eq!(later.await.unwrap(), active(Source::Coalesced));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
    assert_eq!(provider.questions(), 1);
}

/// A runtime that shuts down drops a spawned task on the spot, in the very call that spawns it.
#[test]
fn request_at_shutdown_is_abandoned_without_blocking() {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        let (bench, _provider) = Bench::single(LIMITS);
        let first = bench.ask("t").now_or_never();
        let second = bench.ask("t").now_or_never();
        tell.send((first, second)).unwrap();
    });
    let abandoned = || Some(Seen::Fails(Failure::outage(Outage::Abandoned)));
    let answers = told
        .recv_timeout(Duration::from_secs(30))
        .expect("it blocks");
    assert_eq!(answers, (abandoned(), abandoned()));
}
