//! Asks as other crates see them: their contexts, words and counters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::collections::BTreeSet;
use std::time::Duration;

use introspectd_core::ask::{BreakerState, Context, Meter, Operation, Outcome};
use introspectd_core::trace::{Trace, TraceParent};
use introspectd_core::{BadAnswer, Failure, Outage};

#[test]
fn context_reaches_the_code_inside_it_and_none_outside() {
    assert!(Context::with_current(|_| ()).is_none());
    let context = Context::default();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let ask = async {
        let inside = Context::with_current(Clone::clone).unwrap();
        assert!(!inside.is_sent());
        inside.note_sent();
    };
    runtime.block_on(context.clone().scope(ask));
    assert!(context.is_sent());
}

#[test]
fn context_bears_the_ids_of_its_request_and_hides_that_of_a_trace() {
    let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace = Trace::of_caller(TraceParent::parse(parent).unwrap());
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert!(format!("{trace:?}").contains(id));
    let trace_id = Some(id);
    let context = Context::new(Some(trace), Some("proposed".to_owned()));
    assert_eq!((context.trace_id(), context.request_id()), (trace_id, None));
    let settled = context.settle_request_id(|proposed| format!("{} id", proposed.unwrap()));
    assert_eq!(settled, "proposed id");
    assert_eq!(context.settle_request_id(|_| "another".to_owned()), settled);
    assert_eq!(context.request_id(), Some(settled));
    let inside = context.clone().sync_scope(Context::current);
    assert_eq!(
        (inside.trace_id(), inside.request_id()),
        (trace_id, Some(settled))
    );
    let part = context.part(None);
    assert_eq!((part.trace_id(), part.request_id()), (None, Some(settled)));
    part.note_sent();
    assert!(!context.is_sent());
    context.hide_trace();
    assert_eq!(inside.trace_id(), None);
    assert!(inside.trace().is_some());
}

#[test]
fn every_word_of_a_metric_is_of_one_value() {
    let operations: BTreeSet<_> = Operation::ALL.map(Operation::as_str).into();
    let outcomes: BTreeSet<_> = Outcome::ALL.map(Outcome::as_str).into();
    let states: BTreeSet<_> = BreakerState::ALL.map(BreakerState::as_str).into();
    let words = [
        "bind",
        "grant",
        "introspect",
        "issue",
        "jwks",
        "list",
        "lookup",
        "revoke",
    ];
    assert!(operations.into_iter().eq(words));
    assert_eq!(outcomes.len(), Outcome::ALL.len());
    assert!(states.into_iter().eq(["closed", "half_open", "open"]));
}

#[test]
fn retries_are_counted_beside_the_asks() {
    let meter = Meter::default();
    meter.count_retry();
    meter.count_retry();
    meter.count(Operation::Introspect, Outcome::Ok, Duration::from_secs(1));
    assert_eq!(meter.retries(), 2);
    assert_eq!(meter.asks(Operation::Introspect, Outcome::Ok), 1);
}

#[test]
fn provider_that_is_spared_was_not_asked() {
    let spared = [Outage::Overloaded, Outage::BreakerOpen, Outage::Throttled];
    let spared = spared.map(Failure::outage).into_iter();
    for failure in spared.chain([Failure::QueueTimeout]) {
        assert!(
            failure.is_unasked() && failure.allows_stale(),
            "{failure:?}"
        );
        assert!(!failure.trips_breaker(), "{failure:?}");
    }
    for failure in [
        Failure::Timeout,
        Failure::ConnectTimeout,
        Failure::Unsupported,
        Failure::outage(Outage::Closed),
        BadAnswer::Status(500).into(),
    ] {
        assert!(!failure.is_unasked(), "{failure:?}");
    }
    assert!(Failure::from(BadAnswer::Status(500)).trips_breaker());
    assert!(!Failure::from(BadAnswer::Status(499)).trips_breaker());
}
