//! Circuit breaker, and pauses that a provider asks for.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::ask::BreakerState;
use introspectd_core::{Failure, Health, ManualClock, Outage};
use introspectd_simulators::{Answer as Said, Fault, Simulator};
use introspectd_upstream::{Dialect, Request, Response, Upstream};
use tokio::task::JoinHandle;

use crate::provider::{Silent, clock, connected_at, connection, silent, until_deadline, uri};

const BREAKER: &str = "breaker = { failures = \"50%\", window = \"10s\", min_requests = 4, \
                       open_for = \"5s\", probes = 2 }";

struct Guarded {
    server: Simulator<Silent>,
    upstream: Arc<Upstream>,
    clock: Arc<ManualClock>,
}

impl Guarded {
    async fn new(more: &str) -> Self {
        let server = silent().await;
        let clock = clock();
        let more = format!("credentials = {{ type = \"none\" }}\n{more}");
        let connection = connection(Dialect::FormEndpoint, &server.base_url(), &more);
        let upstream = Arc::new(connected_at(connection, &clock));
        Self {
            server,
            upstream,
            clock,
        }
    }

    /// One whose breaker is open.
    async fn open(more: &str) -> Self {
        let guarded = Self::new(&format!("{BREAKER}\n{more}")).await;
        guarded.server.always(Fault::Answer(Said::html(503)));
        for _ in 0..4 {
            guarded.ask().await;
        }
        assert_eq!(guarded.state(), BreakerState::Open);
        guarded.server.clear();
        guarded.server.forget();
        guarded
    }

    fn get(&self) -> Request {
        Request::get(uri(&self.server.base_url(), "/x"))
    }

    async fn ask(&self) -> Option<Failure> {
        self.upstream.send(self.get()).await.err()
    }

    fn asking(&self) -> JoinHandle<Result<Response, Failure>> {
        let (upstream, request) = (Arc::clone(&self.upstream), self.get());
        tokio::spawn(async move { upstream.send(request).await })
    }

    fn state(&self) -> BreakerState {
        self.upstream.gauges().breaker
    }
}

fn spared(outage: Outage, seconds: u64) -> Option<Failure> {
    Some(Failure::Unavailable {
        outage,
        retry_after: Some(Duration::from_secs(seconds)),
    })
}

#[tokio::test]
async fn open_breaker_answers_at_once_with_what_is_left_and_asks_nothing() {
    let guarded = Guarded::open("").await;
    guarded.clock.advance(2);
    assert_eq!(guarded.ask().await, spared(Outage::BreakerOpen, 3));
    let change = Request::delete(uri(&guarded.server.base_url(), "/x"));
    let told = guarded.upstream.send(change).await.err();
    assert_eq!(told, spared(Outage::BreakerOpen, 3));
    let told = guarded.upstream.send(guarded.get().listing()).await.err();
    assert_eq!(told, spared(Outage::BreakerOpen, 3));
    assert_eq!(guarded.server.count(), 0);
    assert_eq!(guarded.upstream.health(), Health::Open);
}

#[tokio::test]
async fn each_failure_that_cannot_depend_on_a_token_opens() {
    for (fault, more) in [
        (Fault::Hang, "timeout = \"20ms\""),
        (Fault::HangUp, ""),
        (Fault::Reset, ""),
        (Fault::Answer(Said::html(429)), ""),
        (Fault::Answer(Said::html(502)), ""),
        (Fault::Answer(Said::html(504)), ""),
    ] {
        let guarded = Guarded::new(&format!("{BREAKER}\n{more}")).await;
        guarded.server.always(fault.clone());
        for asks in 0..4 {
            assert_eq!(guarded.state(), BreakerState::Closed, "{fault:?} {asks}");
            assert!(guarded.ask().await.is_some());
        }
        assert_eq!(guarded.state(), BreakerState::Open, "{fault:?}");
    }
}

#[tokio::test]
async fn server_errors_open_only_if_they_are_to_several_requests() {
    let guarded = Guarded::new(BREAKER).await;
    guarded.server.always(Fault::Answer(Said::html(500)));
    for _ in 0..20 {
        guarded.ask().await;
    }
    assert_eq!(guarded.state(), BreakerState::Closed);
    for number in 0..4 {
        let target = uri(&guarded.server.base_url(), &format!("/{number}"));
        assert!(guarded.upstream.send(Request::get(target)).await.is_err());
    }
    assert_eq!(guarded.state(), BreakerState::Open);
}

#[tokio::test]
async fn odd_answers_never_open() {
    for odd in [
        Said::html(400),
        Said::html(401),
        Said::html(403),
        Said::html(404),
        Said::garbage(),
        Said::redirect("http://elsewhere.example/"),
    ] {
        let guarded = Guarded::new(BREAKER).await;
        guarded.server.always(Fault::Answer(odd));
        for _ in 0..20 {
            guarded.ask().await;
        }
        assert_eq!(guarded.state(), BreakerState::Closed);
    }
}

#[tokio::test]
async fn what_a_caller_of_issuance_brings_about_neither_opens_nor_pauses() {
    let guarded = Guarded::new(BREAKER).await;
    for odd in [
        Said::html(500),
        Said::html(503),
        Said::retry_after(429, 30),
        Said::retry_after(503, 30),
    ] {
        guarded.server.always(Fault::Answer(odd));
        for _ in 0..10 {
            let target = uri(&guarded.server.base_url(), "/x");
            let relayed = Request::post(target).json("{}").relayed();
            assert!(guarded.upstream.send(relayed).await.is_err());
        }
        let gauges = guarded.upstream.gauges();
        assert_eq!(
            (gauges.breaker, gauges.is_throttled),
            (BreakerState::Closed, false)
        );
        assert_eq!(guarded.upstream.health(), Health::Unknown);
    }
}

#[tokio::test]
async fn so_many_probes_pass_at_a_time_and_an_answer_closes() {
    let guarded = Guarded::open("").await;
    guarded.clock.advance(5);
    let gate = guarded.server.gate();
    let probes = [guarded.asking(), guarded.asking()];
    gate.arrived(2).await;
    assert_eq!(guarded.state(), BreakerState::HalfOpen);
    assert_eq!(guarded.ask().await, spared(Outage::BreakerOpen, 1));
    gate.open();
    for probe in probes {
        assert!(probe.await.unwrap().is_ok());
    }
    assert_eq!(guarded.state(), BreakerState::Closed);
    assert_eq!(guarded.upstream.health(), Health::Good);
    assert_eq!(guarded.ask().await, None);
}

#[tokio::test]
async fn cancelled_probe_gives_its_place_back() {
    let guarded = Guarded::open("").await;
    guarded.clock.advance(5);
    let gate = guarded.server.gate();
    for _ in 0..3 {
        let probes = [guarded.asking(), guarded.asking()];
        gate.arrived(2).await;
        assert_eq!(guarded.ask().await, spared(Outage::BreakerOpen, 1));
        for probe in probes {
            probe.abort();
            assert!(probe.await.is_err());
        }
        while gate.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(guarded.state(), BreakerState::HalfOpen);
    }
    gate.open();
    assert_eq!(guarded.ask().await, None);
    assert_eq!(guarded.state(), BreakerState::Closed);
}

#[tokio::test]
async fn probe_that_times_out_opens_again() {
    let guarded = Guarded::open("").await;
    guarded.clock.advance(5);
    guarded.server.next(Fault::Hang);
    let told = until_deadline(&guarded.server, 1, guarded.ask()).await;
    assert_eq!(told, Some(Failure::Timeout));
    assert_eq!(guarded.ask().await, spared(Outage::BreakerOpen, 5));
}

#[tokio::test]
async fn requests_that_wait_for_a_place_are_answered_when_the_breaker_opens() {
    let limits = "max_in_flight = 4\nqueue = 100";
    let guarded = Guarded::new(&format!("{BREAKER}\n{limits}")).await;
    guarded.server.always(Fault::Answer(Said::html(503)));
    let gate = guarded.server.gate();
    let held: Vec<_> = (0..4).map(|_| guarded.asking()).collect();
    gate.arrived(4).await;
    let waiting: Vec<_> = (0..100).map(|_| guarded.asking()).collect();
    while guarded.upstream.gauges().queue < 100 {
        tokio::task::yield_now().await;
    }
    gate.open();
    for held in held {
        assert!(held.await.unwrap().is_err());
    }
    for waiting in waiting {
        let told = waiting.await.unwrap().err();
        assert_ne!(told, Some(Failure::QueueTimeout));
    }
    // Those that got a place before the fourth failure was seen may have been sent.
    assert!(guarded.server.count() < 12, "{}", guarded.server.count());
}

#[tokio::test]
async fn full_queue_opens_nothing() {
    let limits = "max_in_flight = 1\nqueue = 0";
    let guarded = Guarded::new(&format!("{BREAKER}\n{limits}")).await;
    let gate = guarded.server.gate();
    let held = guarded.asking();
    gate.arrived(1).await;
    for _ in 0..20 {
        let overloaded = Failure::outage(Outage::Overloaded);
        assert_eq!(guarded.ask().await, Some(overloaded));
    }
    assert_eq!(guarded.state(), BreakerState::Closed);
    gate.open();
    assert!(held.await.unwrap().is_ok());
}

#[tokio::test]
async fn retries_are_part_of_one_ask() {
    let retry = "retry = { attempts = 4, budget = \"100%\" }";
    let guarded = Guarded::new(&format!("{BREAKER}\n{retry}")).await;
    guarded.server.always(Fault::Answer(Said::html(503)));
    for asks in 1..=4 {
        assert_eq!(guarded.state(), BreakerState::Closed, "{asks}");
        guarded.ask().await;
    }
    assert_eq!(guarded.state(), BreakerState::Open);
}

#[tokio::test]
async fn breaker_that_is_off_never_opens() {
    let guarded = Guarded::new("breaker = \"off\"").await;
    guarded.server.always(Fault::Answer(Said::html(503)));
    for _ in 0..50 {
        let told = guarded.ask().await;
        assert_eq!(told, Some(Failure::outage(Outage::Status(503))));
    }
    assert_eq!(guarded.upstream.health(), Health::Failing);
}

#[tokio::test]
async fn answer_that_names_a_time_is_kept_to_for_a_minute_at_most() {
    for (status, seconds, kept) in [(429, 7, 7), (503, 7, 7), (429, 3600, 60)] {
        let guarded = Guarded::new("breaker = \"off\"").await;
        let said = Said::retry_after(status, seconds);
        guarded.server.next(Fault::Answer(said));
        assert_eq!(guarded.ask().await, spared(Outage::Status(status), seconds));
        assert!(guarded.upstream.gauges().is_throttled);
        assert_eq!(guarded.upstream.health(), Health::Open);
        assert_eq!(guarded.ask().await, spared(Outage::Throttled, kept));
        guarded.clock.advance(u32::try_from(kept).unwrap());
        assert_eq!(guarded.ask().await, None);
        assert_eq!(guarded.server.count(), 2);
        assert_eq!(guarded.upstream.health(), Health::Good);
    }
}

#[tokio::test]
async fn answer_without_a_time_or_of_another_status_closes_nothing() {
    for said in [
        Said::html(429),
        Said::retry_after(429, 0),
        Said::html(503),
        Said::retry_after(502, 7),
        Said::retry_after(504, 7),
    ] {
        let guarded = Guarded::new("breaker = \"off\"").await;
        guarded.server.next(Fault::Answer(said));
        assert!(guarded.ask().await.is_some());
        assert_eq!(guarded.ask().await, None);
    }
}
