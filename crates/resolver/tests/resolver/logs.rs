//! Lines of the log: a failure of a kind once a second, a failed revocation always, a gate when it
//! changes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::ask::{BreakerState, Gauges};
use introspectd_core::{BadAnswer, Failure, Health, Introspection, Outage, Provider, TokenValue};
use introspectd_resolver::{ProviderEntry, Unmatched};
use introspectd_test_log::{Level, Log};

use crate::harness::{Bench, Can, Fake, LIMITS, TIMEOUT, at, name, prefix, upstream, value};

/// Takes the lines so far, each without what is before its level.
fn taken(log: &Log) -> Vec<String> {
    let levels = ["WARN", "INFO", "ERROR"];
    let line = |line: &str| {
        let place = levels.iter().find_map(|level| line.find(level));
        line.split_at(place.unwrap()).1.to_owned()
    };
    log.take().lines().map(line).collect()
}

#[tokio::test]
async fn failure_of_a_kind_has_one_line_a_second() {
    let log = Log::start(Level::INFO);
    let (bench, fake) = Bench::single(LIMITS);
    fake.script("slow", Failure::Timeout);
    fake.script("odd", Failure::from(BadAnswer::NotAnObject));
    fake.script("spared", Failure::outage(Outage::BreakerOpen));
    fake.script("unable", Failure::Unsupported);
    for token in ["odd", "slow", "slow", "slow", "spared", "unable"] {
        bench.ask(token).await;
    }
    let lines = taken(&log);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let failed = |line: &str| line.starts_with("WARN") && line.contains("request failed");
    assert!(lines.iter().all(|line| failed(line)), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("left_out")));
    bench.clock.advance(1);
    bench.ask("slow").await;
    let lines = taken(&log);
    assert!(
        lines.len() == 1 && lines[0].contains("left_out=2"),
        "{lines:#?}"
    );
    let last = bench.resolver.providers().next().unwrap().last_failure;
    assert_eq!(last, Some((Failure::Timeout, at(1))));
}

#[tokio::test]
async fn failed_revocation_is_always_logged() {
    let log = Log::start(Level::INFO);
    let fake = Fake::that(Can {
        revoke: true,
        ..Can::default()
    });
    let entries = vec![upstream("as", &fake, Some(prefix("")))];
    let bench = Bench::new(entries, &Unmatched::Reject, LIMITS);
    fake.script("t", Failure::Timeout);
    for _ in 0..3 {
        let revoked = bench.resolver.revoke(&value("t"), None, |_| true).await;
        assert_eq!(revoked, Err(Failure::Timeout));
    }
    let lines = taken(&log);
    let failed = |line: &str| line.starts_with("WARN") && line.contains("revocation failed");
    assert!(
        lines.len() == 3 && lines.iter().all(|line| failed(line)),
        "{lines:#?}"
    );
}

/// Provider behind a gate.
#[derive(Debug, Default)]
struct Gated(Mutex<Gauges>);

#[async_trait]
impl Provider for Gated {
    fn health(&self) -> Health {
        Health::Good
    }

    fn gauges(&self) -> Gauges {
        *self.0.lock().unwrap()
    }

    async fn introspect(&self, _: &TokenValue) -> Result<Introspection, Failure> {
        Ok(Introspection::Inactive)
    }
}

#[tokio::test]
async fn gate_is_logged_when_it_changes() {
    let log = Log::start(Level::INFO);
    let gated = Arc::<Gated>::default();
    let entry = ProviderEntry {
        name: name("as"),
        kind: "gated",
        provider: Arc::clone(&gated) as _,
        matching: Some(prefix("")),
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: TIMEOUT,
        times: None,
        revision: [0; 16],
    };
    let bench = Bench::new(vec![entry], &Unmatched::Reject, LIMITS);
    use BreakerState::{Closed, HalfOpen, Open};
    let (opened, closed) = ("WARN circuit breaker opened", "INFO circuit breaker closed");
    let paused = "WARN provider asked for a pause";
    for (place, (breaker, is_throttled, expected)) in [
        (Closed, false, vec![]),
        (Open, false, vec![opened]),
        (Open, false, vec![]),
        (HalfOpen, false, vec![]),
        (Closed, false, vec![closed]),
        (Closed, false, vec![]),
        (Closed, true, vec![paused]),
        (Closed, true, vec![]),
        (Open, true, vec![opened]),
        (Open, false, vec![]),
        (Closed, true, vec![closed, paused]),
        (Closed, false, vec![]),
    ]
    .into_iter()
    .enumerate()
    {
        *gated.0.lock().unwrap() = Gauges {
            breaker,
            is_throttled,
            ..Gauges::default()
        };
        bench.ask(&place.to_string()).await;
        let lines = taken(&log);
        assert_eq!(lines.len(), expected.len(), "{place} {lines:#?}");
        for (line, expected) in lines.iter().zip(expected) {
            let (level, text) = expected.split_once(' ').unwrap();
            assert!(
                line.starts_with(level) && line.contains(text),
                "{place} {line}"
            );
        }
    }
}

#[tokio::test]
async fn failures_that_name_different_times_are_one_kind() {
    let log = Log::start(Level::INFO);
    let (bench, fake) = Bench::single(LIMITS);
    for seconds in [1, 2, 3] {
        let failure = Failure::Unavailable {
            outage: Outage::Status(429),
            retry_after: Some(Duration::from_secs(seconds)),
        };
        fake.script("t", failure);
        bench.ask("t").await;
    }
    assert_eq!(taken(&log).len(), 1);
}
