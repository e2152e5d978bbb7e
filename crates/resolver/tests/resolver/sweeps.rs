//! Purged entries are counted and freed in the background, without delaying anything else.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use introspectd_core::{ManualClock, ProviderName, Selector, Target, Token};
use introspectd_resolver::{
    CacheLimits, Keep, NextProviders, PurgeFailure, Purged, Resolver, Source, Unmatched,
};

use crate::harness::{Fake, LIMITS, at, good, name, poll_once, prefix, upstream, value, within};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKENS: usize = 3000;

thread_local! {
    /// Number of times that this thread touched a kept part.
    static TOUCHED: Cell<usize> = const { Cell::new(0) };
}

/// Something kept that counts who touches it and that it lives.
struct Traced(Arc<Script>);

/// Behaviour towards the sweeper.
#[derive(Default)]
struct Script {
    breaks: AtomicBool,
    waits: AtomicBool,
    /// A pass has begun.
    is_swept: AtomicBool,
}

impl Clone for Traced {
    fn clone(&self) -> Self {
        if thread::current().name() == Some("cache-sweeper") {
            self.0.is_swept.store(true, SeqCst);
            while self.0.waits.load(SeqCst) {
                thread::yield_now();
            }
            assert!(!self.0.breaks.load(SeqCst), "a scripted bug");
        }
        TOUCHED.set(TOUCHED.get() + 1);
        Self(Arc::clone(&self.0))
    }
}

thread_local! {
    /// One for each test.
    static SCRIPT: Arc<Script> = Arc::default();
}

fn script() -> Arc<Script> {
    SCRIPT.with(Arc::clone)
}

impl Keep for Traced {
    fn keep(_: &ProviderName, _: Token) -> Self {
        Self(script())
    }

    fn size(&self) -> usize {
        0
    }
}

/// Full of so many tokens of alice.
async fn filled(tokens: usize) -> Resolver<Traced> {
    let provider = Fake::new();
    let upstreams = vec![upstream("as", &provider, Some(prefix("")))];
    let clock = Arc::new(ManualClock::at(at(0)));
    let limits = CacheLimits {
        max_bytes: 64 << 20,
        ..LIMITS
    };
    let resolver = Resolver::new(upstreams, &Unmatched::Reject, limits, clock).unwrap();
    for number in 0..tokens {
        provider.script(
            &number.to_string(),
            Token {
                sub: Some("alice".to_owned()),
                ..good()
            },
        );
        resolver
            .introspect(value(&number.to_string()), None, |_| true)
            .await
            .unwrap();
    }
    resolver
}

fn subject(text: &str) -> Selector {
    Selector::new(Target::Subject(text.to_owned()))
}

fn living() -> usize {
    SCRIPT.with(Arc::strong_count) - 1
}

#[tokio::test]
async fn purged_entries_are_freed_and_counted() {
    let resolver = filled(TOKENS).await;
    assert_eq!(living(), TOKENS);
    let none = within(resolver.purge_counted(&subject("bob"), PATIENCE)).await;
    assert_eq!(
        (none, living()),
        (
            Ok(Purged {
                count: 0,
                is_estimate: false
            }),
            TOKENS
        )
    );
    let all = within(resolver.purge_counted(&subject("alice"), PATIENCE)).await;
    assert_eq!(
        (all, living()),
        (
            Ok(Purged {
                count: TOKENS,
                is_estimate: false
            }),
            0
        )
    );
}

#[tokio::test]
async fn purges_at_once_share_a_pass_and_no_fact_counts_twice() {
    let resolver = filled(TOKENS).await;
    let selectors = [
        subject("alice"),
        Selector::new(Target::All),
        Selector::new(Target::Provider(name("as"))),
    ];
    let purges = selectors
        .iter()
        .map(|selector| resolver.purge_counted(selector, PATIENCE));
    let counts = within(join_all(purges))
        .await
        .into_iter()
        .map(|purged| purged.unwrap().count);
    assert_eq!((counts.sum::<usize>(), living()), (TOKENS, 0));
}

/// Work of a purge itself does not grow with the cache.
#[tokio::test]
async fn a_purge_touches_no_more_the_more_is_cached() {
    for tokens in [10, TOKENS] {
        let resolver = filled(tokens).await;
        let before = TOUCHED.get();
        for target in [
            Target::Subject("alice".to_owned()),
            Target::Client("app".to_owned()),
            Target::Provider(name("as")),
            Target::All,
            Target::Token(value("unknown")),
        ] {
            resolver.purge(&Selector::new(target));
        }
        assert_eq!(TOUCHED.get() - before, 0, "among {tokens} tokens");
    }
}

#[tokio::test]
async fn a_count_that_takes_too_long_is_an_estimate_and_the_purge_in_force() {
    let resolver = filled(10).await;
    let script = script();
    script.waits.store(true, SeqCst);
    let purged = resolver
        .purge_counted(&subject("alice"), Duration::from_millis(1))
        .await;
    script.waits.store(false, SeqCst);
    assert_eq!(
        purged,
        Ok(Purged {
            count: 0,
            is_estimate: true
        })
    );
    let after = resolver
        .introspect(value("7"), None, |_| true)
        .await
        .unwrap();
    assert_eq!(after.source, Source::Miss);
}

#[tokio::test]
async fn a_pass_that_fails_is_told_and_the_next_one_counts() {
    let resolver = filled(10).await;
    script().breaks.store(true, SeqCst);
    let failed = within(resolver.purge_counted(&subject("bob"), PATIENCE)).await;
    script().breaks.store(false, SeqCst);
    assert_eq!(failed, Err(PurgeFailure::NotCounted));
    let purged = within(resolver.purge_counted(&subject("alice"), PATIENCE)).await;
    assert_eq!(
        purged,
        Ok(Purged {
            count: 10,
            is_estimate: false
        })
    );
}

#[tokio::test]
async fn nothing_is_left_when_a_resolver_ends_in_the_middle_of_a_pass() {
    let resolver = filled(TOKENS).await;
    resolver.purge(&Selector::new(Target::All));
    drop(resolver);
    assert_eq!(living(), 0);
}

#[tokio::test]
async fn purge_too_many_for_a_pass_is_in_force_and_not_counted() {
    const MOST: usize = 64;
    let resolver = filled(10).await;
    let script = script();
    script.waits.store(true, SeqCst);
    let all = Selector::new(Target::All);
    let purge = || Box::pin(resolver.purge_counted(&all, PATIENCE));
    let mut purges = vec![purge()];
    assert!(poll_once(&mut purges[0]).await.is_pending());
    while !script.is_swept.load(SeqCst) {
        thread::yield_now();
    }
    for _ in 0..MOST {
        let mut waiting = purge();
        assert!(poll_once(&mut waiting).await.is_pending());
        purges.push(waiting);
    }
    let estimate = Purged {
        count: 0,
        is_estimate: true,
    };
    assert_eq!(within(purge()).await, Ok(estimate));
    script.waits.store(false, SeqCst);
    drop(script);
    let counts = within(join_all(purges)).await;
    let counts = counts.into_iter().map(|purged| purged.unwrap().count);
    assert_eq!((counts.sum::<usize>(), living()), (10, 0));
}

#[tokio::test]
async fn facts_of_a_provider_that_goes_are_freed() {
    let resolver = filled(10).await;
    let next = resolver.reconfigured(
        NextProviders::Reconfigured(Vec::new()),
        &Unmatched::Reject,
        LIMITS.times,
    );
    let next = next.unwrap();
    resolver.retire_for(&next);
    drop(resolver);
    let freed = async {
        while living() > 0 {
            tokio::task::yield_now().await;
        }
    };
    within(freed).await;
}
