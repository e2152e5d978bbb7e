//! Retries, and what has none.

use std::time::Duration;

use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};
use introspectd_simulators::{Answer as Said, Fault};
use introspectd_upstream::{Dialect, Request, Upstream};

use crate::provider::{Silent, open, silent, until_deadline, upstream, uri};

type Server = introspectd_simulators::Simulator<Silent>;

const TWICE: &str = "retry = { attempts = 2 }";

fn get(server: &Server) -> Request {
    Request::get(uri(&server.base_url(), "/x"))
}

/// Faults after which another try may succeed, with what the caller is told without one.
fn transient() -> Vec<(Fault, Failure)> {
    let status = |status| {
        let fault = Fault::Answer(Said::html(status));
        (fault, Failure::outage(Outage::Status(status)))
    };
    let reset = Outage::Unreachable(Unreachable::Reset);
    vec![
        (Fault::HangUp, Failure::outage(Outage::Closed)),
        (Fault::Reset, Failure::outage(reset)),
        status(502),
        status(503),
        status(504),
    ]
}

#[tokio::test]
async fn whatever_may_be_asked_twice_is_retried() {
    let server = silent().await;
    let upstream = open(&server.base_url(), TWICE);
    for request in [
        get(&server),
        get(&server).listing(),
        get(&server).listing().streamed(),
        Request::post(uri(&server.base_url(), "/x"))
            .form(&[("token", "t")])
            .repeatable(),
    ] {
        server.forget();
        server.next(Fault::Answer(Said::html(503)));
        assert!(upstream.send(request).await.is_ok());
        assert_eq!(server.count(), 2);
    }
    assert_eq!(upstream.meter().retries(), 4);
}

#[tokio::test]
async fn each_kind_of_transient_failure_is_retried() {
    for (fault, _) in transient() {
        let server = silent().await;
        server.next(fault.clone());
        let outcome = open(&server.base_url(), TWICE).send(get(&server)).await;
        assert_eq!((outcome.is_ok(), server.count()), (true, 2), "{fault:?}");
    }
}

#[tokio::test]
async fn refused_connection_is_retried() {
    let server = silent().await;
    server.stop();
    let upstream = open(&server.base_url(), "retry = { attempts = 3 }");
    let refused = Failure::outage(Outage::Unreachable(Unreachable::Refused));
    assert_eq!(upstream.send(get(&server)).await.err(), Some(refused));
    assert_eq!(upstream.meter().retries(), 2);
}

#[tokio::test]
async fn other_failures_are_not_retried() {
    let throttled = |status: u16| Failure::Unavailable {
        outage: Outage::Status(status),
        retry_after: Some(Duration::from_secs(1)),
    };
    for (fault, failure) in [
        (
            Fault::Answer(Said::html(429)),
            Failure::outage(Outage::Status(429)),
        ),
        (
            Fault::Answer(Said::html(500)),
            BadAnswer::Status(500).into(),
        ),
        (
            Fault::Answer(Said::html(401)),
            BadAnswer::Credentials(401).into(),
        ),
        (Fault::Answer(Said::retry_after(502, 1)), throttled(502)),
        (Fault::Answer(Said::retry_after(503, 1)), throttled(503)),
        (Fault::Answer(Said::retry_after(504, 1)), throttled(504)),
        (Fault::Truncate, BadAnswer::Truncated.into()),
        (Fault::Oversize(2 << 20), BadAnswer::TooLarge.into()),
    ] {
        let server = silent().await;
        server.next(fault);
        let told = open(&server.base_url(), TWICE).send(get(&server)).await;
        assert_eq!((told.err(), server.count()), (Some(failure), 1));
    }
}

#[tokio::test]
async fn timeout_is_not_retried() {
    let server = silent().await;
    server.always(Fault::Hang);
    let upstream = open(&server.base_url(), TWICE);
    let told = until_deadline(&server, 1, upstream.send(get(&server))).await;
    assert_eq!((told.err(), server.count()), (Some(Failure::Timeout), 1));
}

#[tokio::test]
async fn change_is_never_retried() {
    for (fault, failure) in transient() {
        let server = silent().await;
        let upstream = open(
            &server.base_url(),
            "retry = { attempts = 5, budget = \"100%\" }",
        );
        let target = || uri(&server.base_url(), "/x");
        for change in [
            Request::post(target()).form(&[("token", "t")]),
            Request::post(target()).json("{}"),
            Request::post(target()).json("{}").relayed(),
            Request::delete(target()),
        ] {
            server.forget();
            server.next(fault.clone());
            let told = upstream.send(change).await.err();
            assert_eq!((told, server.count()), (Some(failure.clone()), 1));
        }
        assert_eq!(upstream.meter().retries(), 0);
    }
}

#[tokio::test]
async fn attempts_count_the_first_one() {
    for (retry, attempts) in [
        ("\"off\"", 1),
        ("{ attempts = 1 }", 1),
        ("{ attempts = 4 }", 4),
        ("{}", 2),
    ] {
        let server = silent().await;
        server.always(Fault::Answer(Said::html(503)));
        let upstream = open(&server.base_url(), &format!("retry = {retry}"));
        assert!(upstream.send(get(&server)).await.is_err());
        assert_eq!(server.count(), attempts, "{retry}");
        assert_eq!(upstream.meter().retries(), attempts as u64 - 1);
    }
}

#[tokio::test]
async fn retries_in_an_outage_are_bounded_by_budget_and_reserve() {
    let server = silent().await;
    server.always(Fault::Answer(Said::html(503)));
    let upstream = open(
        &server.base_url(),
        "retry = { attempts = 3, budget = \"10%\" }",
    );
    for _ in 0..200 {
        assert!(upstream.send(get(&server)).await.is_err());
    }
    let retries = server.count() - 200;
    // What is older than 10 s may have dropped out on a slow machine.
    assert!((20..=30).contains(&retries), "{retries}");
}

#[tokio::test]
async fn failed_grant_is_not_retried() {
    let server = silent().await;
    let base_url = server.base_url();
    server.always(Fault::Answer(Said::html(503)));
    let credentials = format!(
        "credentials = {{ type = \"client_credentials\", client_id = \"c\", client_secret = {{ \
         literal = \"s\" }}, token_endpoint = \"{base_url}/token\" }}"
    );
    let upstream: Upstream = upstream(
        Dialect::FormEndpoint,
        &base_url,
        &format!("{credentials}\n{TWICE}"),
    );
    let told = upstream.send(get(&server)).await.err();
    assert_eq!(told, Some(Failure::outage(Outage::Status(503))));
    let requests = server.requests();
    let targets: Vec<_> = requests.iter().map(|it| it.target.as_str()).collect();
    assert_eq!(targets, ["/token"]);
}
