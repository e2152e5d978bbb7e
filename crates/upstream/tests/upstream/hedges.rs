//! Second requests beside slow ones.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Failure;
use introspectd_simulators::{Answer, Fault, Simulator};
use introspectd_upstream::{Request, Upstream};

use crate::provider::{Silent, open, silent, until_deadline, uri};

/// Answers that are enough for an observed p95.
const ENOUGH: usize = 32;

async fn hedged(more: &str) -> (Simulator<Silent>, Arc<Upstream>) {
    let server = silent().await;
    let upstream = open(&server.base_url(), &format!("hedge = \"p95\"\n{more}"));
    for _ in 0..ENOUGH {
        upstream.send(get(&server)).await.unwrap();
    }
    // Some of those may have been slower than the others.
    (server, Arc::new(upstream))
}

fn get(server: &Simulator<Silent>) -> Request {
    Request::get(uri(&server.base_url(), "/x"))
}

#[tokio::test]
async fn slow_request_is_overtaken_by_a_second_one() {
    let (server, upstream) = hedged("").await;
    let before = upstream.meter().retries();
    server.next(Fault::Hang);
    assert!(upstream.send(get(&server)).await.is_ok());
    assert_eq!(upstream.meter().retries(), before + 1);
    assert_eq!(upstream.gauges().in_flight, 0);
}

#[tokio::test]
async fn second_request_takes_a_place_of_its_own_or_is_not_sent() {
    let (server, upstream) = hedged("max_in_flight = 1").await;
    server.forget();
    server.next(Fault::Hang);
    let told = until_deadline(&server, 1, upstream.send(get(&server))).await;
    assert_eq!((told.err(), server.count()), (Some(Failure::Timeout), 1));
}

#[tokio::test]
async fn failure_of_either_is_not_the_last_word() {
    let (server, upstream) = hedged("").await;
    // No connection that ends: over a reused one it would be asked again at once.
    let fails = || Fault::Answer(Answer::html(500));
    server.forget();
    server.next(Fault::Delay(Duration::from_secs(30)));
    server.next(fails());
    let answered = until_deadline(&server, 2, upstream.send(get(&server))).await;
    assert!(answered.is_ok(), "the first, after the second has failed");

    let gate = server.gate();
    server.next(fails());
    let both = async {
        gate.arrived(2).await;
        gate.open();
    };
    let (answered, ()) = tokio::join!(upstream.send(get(&server)), both);
    assert!(answered.is_ok(), "the second, after the first has failed");
}

#[tokio::test]
async fn change_and_list_have_no_second_request() {
    let (server, upstream) = hedged("").await;
    let before = upstream.meter().retries();
    for request in [
        Request::delete(uri(&server.base_url(), "/x")),
        get(&server).listing(),
    ] {
        server.forget();
        server.next(Fault::Hang);
        let told = until_deadline(&server, 1, upstream.send(request)).await;
        assert_eq!((told.err(), server.count()), (Some(Failure::Timeout), 1));
    }
    assert_eq!(upstream.meter().retries(), before);
}

#[tokio::test]
async fn second_requests_count_against_the_budget() {
    let (server, upstream) = hedged("").await;
    // A reserve of ten, and one in ten of all requests. Second ones are quick, so that they stay
    // worth their while.
    for _ in 0..40 {
        server.clear();
        server.next(Fault::Delay(Duration::from_millis(100)));
        assert!(upstream.send(get(&server)).await.is_ok());
    }
    let most = 10 + (ENOUGH as u64 + 40) / 10 + 1;
    let retries = upstream.meter().retries();
    assert!(retries <= most, "{retries}");
}

#[tokio::test]
async fn nothing_is_hedged_by_default() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "");
    for _ in 0..ENOUGH {
        upstream.send(get(&server)).await.unwrap();
    }
    server.forget();
    server.next(Fault::Hang);
    let told = until_deadline(&server, 1, upstream.send(get(&server))).await;
    assert_eq!((told.err(), server.count()), (Some(Failure::Timeout), 1));
}
