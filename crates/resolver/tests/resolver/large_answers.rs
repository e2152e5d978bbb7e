//! A large answer is read on a thread of its own, where it holds up no other token.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use introspectd_core::{
    Aside, Clock, Failure, Health, Introspection, Outage, Provider, SystemClock, Timestamp, Token,
    TokenValue,
};
use introspectd_resolver::{ProviderEntry, Resolver, Unmatched};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::harness::{LIMITS, TIMEOUT, good, name, value};

/// Names of threads.
#[derive(Debug, Default)]
struct Threads(Mutex<Vec<String>>);

impl Threads {
    fn note(&self) {
        let name = thread::current().name().unwrap().to_owned();
        self.0.lock().unwrap().push(name);
    }

    fn noted(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Provider whose answers are all large. It notes the threads that it runs on.
#[derive(Debug, Default)]
struct Large(Threads);

/// Clock that notes who asks for the time of day: whoever keeps a fact.
#[derive(Debug, Default)]
struct Watched(SystemClock, Threads);

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        self.1.note();
        self.0.now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[async_trait]
impl Provider for Large {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, _: &TokenValue) -> Result<Introspection, Failure> {
        self.0.note();
        for _ in 0..2 {
            // As where one of several requests of an adapter has a large answer: polled only once
            // it was woken.
            let mut steps: FuturesUnordered<_> = [Aside::step()].into_iter().collect();
            steps.next().await;
            self.0.note();
        }
        Ok(Introspection::Token(Box::new(good())))
    }
}

fn resolver(
    provider: &Arc<Large>,
    runtime: Option<Handle>,
    clock: &Arc<Watched>,
) -> Resolver<Token> {
    let entry = ProviderEntry {
        name: name("large"),
        kind: "rfc7662",
        provider: Arc::clone(provider) as _,
        matching: None,
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: TIMEOUT,
        times: None,
        revision: [0; 16],
    };
    let unmatched = Unmatched::Provider(name("large"));
    let resolver = Resolver::new(vec![entry], &unmatched, LIMITS, Arc::clone(clock) as _).unwrap();
    resolver.with_large_answers_on(runtime)
}

fn thread_of_its_own() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("large");
    builder.build().unwrap()
}

#[tokio::test]
async fn large_answer_is_read_on_a_thread_of_its_own() {
    let (provider, runtime) = (Arc::<Large>::default(), thread_of_its_own());
    let clock = Arc::default();
    let resolver = resolver(&provider, Some(runtime.handle().clone()), &clock);
    let resolution = resolver.introspect(value("t"), None, |_| true).await;
    assert!(resolution.unwrap().has_record());
    let threads = provider.0.noted();
    assert_ne!(threads[0], "large");
    assert_eq!(threads[1..], ["large", "large"]);
    // It may starve, and others need the cache.
    let keepers = clock.1.noted();
    assert!(!keepers.is_empty() && !keepers.contains(&"large".to_owned()));
    runtime.shutdown_background();
}

#[tokio::test]
async fn large_answer_is_read_where_it_is_without_such_a_thread() {
    let provider = Arc::<Large>::default();
    let resolver = resolver(&provider, None, &Arc::default());
    let resolution = resolver.introspect(value("t"), None, |_| true).await;
    assert!(resolution.unwrap().has_record());
    let threads = provider.0.noted();
    assert!(threads.iter().all(|thread| *thread == threads[0]));
}

#[tokio::test]
async fn large_answer_of_a_process_that_ends_is_a_failure() {
    let (provider, runtime) = (Arc::<Large>::default(), thread_of_its_own());
    let resolver = resolver(&provider, Some(runtime.handle().clone()), &Arc::default());
    runtime.shutdown_background();
    let failure = resolver.introspect(value("t"), None, |_| true).await;
    assert_eq!(failure.unwrap_err(), Failure::outage(Outage::Abandoned));
}
