//! Asks of providers in figures.

use std::time::Duration;

use futures_util::future::join_all;
use introspectd_core::ask;
use introspectd_simulators::rfc7662::{ACTIVE, UNKNOWN};
use introspectd_simulators::{Answer, Fault, Simulator, passport};
use introspectd_tests::{Fixture, Gateway, NOW, Passport, Rfc7662, Room, now};
use serde_json::json;

use crate::house::House;
use crate::listeners::until;
use crate::requests::{JSON, OPS, down, send};
use crate::scrape::Scrape;

/// Lines that let each fault be seen as it is.
const SINGLE: &str = "retry = \"off\"\nbreaker = \"off\"";

fn asks(operation: &str, outcome: &str) -> String {
    format!(
        "introspectd_provider_requests_total{{provider=\"sso\",operation=\"{operation}\",\
         outcome=\"{outcome}\"}}"
    )
}

#[tokio::test]
async fn asks_are_counted_by_operation_and_outcome_and_hits_are_none() {
    let room = Room::<Rfc7662>::open().await;
    for token in [ACTIVE, ACTIVE, UNKNOWN] {
        room.ask(token).await;
    }
    room.revoke(ACTIVE).await;
    room.server.next(Fault::Answer(Answer::json(
        401,
        json!({"error": "invalid_client"}),
    )));
    room.ask("sso_other").await;
    let scrape = Scrape::of(&room.gateway).await;
    let counted = scrape.nonzero("introspectd_provider_requests_total");
    let expected = [
        (asks("introspect", "credentials_refused"), 1.0),
        (asks("introspect", "inactive"), 1.0),
        (asks("introspect", "ok"), 1.0),
        (asks("revoke", "ok"), 1.0),
    ];
    let expected = expected.iter().map(|(series, asks)| (&**series, *asks));
    assert_eq!(counted, expected.collect());
    let count = "introspectd_provider_request_duration_seconds_count{provider=\"sso\",\
                 operation=\"introspect\"}";
    assert_eq!(scrape.value(count), 3.0);
}

/// Value of a gauge or counter of the provider's.
async fn of_provider(gateway: &Gateway, metric: &str) -> f64 {
    let series = format!("introspectd_provider_{metric}{{provider=\"sso\"}}");
    Scrape::of(gateway).await.value(&series)
}

/// State of the breaker, which is one of them at a time.
async fn state(gateway: &Gateway) -> &'static str {
    let scrape = Scrape::of(gateway).await;
    let is_in = |state: &&str| {
        let labels = format!("provider=\"sso\",state=\"{state}\"");
        scrape.value(&format!("introspectd_provider_breaker_state{{{labels}}}")) == 1.0
    };
    let states: Vec<_> = ["closed", "open", "half_open"]
        .into_iter()
        .filter(is_in)
        .collect();
    assert_eq!(states.len(), 1, "{states:?}");
    states[0]
}

#[tokio::test]
async fn way_to_each_provider_is_shown_from_the_start() {
    let room = Room::<Rfc7662>::open().await;
    assert_eq!(state(&room.gateway).await, "closed");
    let scrape = Scrape::of(&room.gateway).await;
    for metric in ["in_flight", "queue", "retries_total"] {
        let series = format!("introspectd_provider_{metric}{{provider=\"sso\"}} 0");
        assert!(scrape.text.contains(&series), "{series}");
    }
}

#[tokio::test]
async fn retries_are_counted_and_are_no_asks() {
    let house = House::new("retry = { attempts = 3 }\nbreaker = \"off\"", "").await;
    house.server.next(Fault::Answer(down()));
    house.server.next(Fault::Answer(down()));
    assert_eq!(house.ask(ACTIVE).await.status, 200);
    assert_eq!(of_provider(&house.gateway, "retries_total").await, 2.0);
    let scrape = Scrape::of(&house.gateway).await;
    let counted = scrape.nonzero("introspectd_provider_requests_total");
    let one = asks("introspect", "ok");
    assert_eq!(counted, [(one.as_str(), 1.0)].into());
}

#[tokio::test]
async fn places_and_queue_are_those_of_the_moment() {
    let house = House::new("max_in_flight = 2\nqueue = 3\ntimeout = \"60s\"", "").await;
    let gate = house.server.gate();
    let tokens: Vec<_> = (0..5).map(|number| format!("t{number}")).collect();
    let asking = join_all(tokens.iter().map(|token| house.ask(token)));
    let watching = async {
        let series = |metric: &str| format!("introspectd_provider_{metric}{{provider=\"sso\"}}");
        until(&house.gateway, &series("queue"), 3.0).await;
        until(&house.gateway, &series("in_flight"), 2.0).await;
        // One too many.
        assert_eq!(house.ask("t5").await.status, 503);
        gate.open();
    };
    futures_util::future::join(asking, watching).await;
    for metric in ["queue", "in_flight"] {
        assert_eq!(of_provider(&house.gateway, metric).await, 0.0, "{metric}");
    }
    let scrape = Scrape::of(&house.gateway).await;
    assert_eq!(scrape.value(&asks("introspect", "overloaded")), 1.0);
}

#[tokio::test]
async fn each_state_of_the_breaker_is_shown() {
    let breaker = "breaker = { min_requests = 4, open_for = \"30s\" }";
    let house = House::new(&format!("{breaker}\nretry = \"off\""), "").await;
    house.fail(3).await;
    assert_eq!(state(&house.gateway).await, "closed");
    house.fail(1).await;
    assert_eq!(state(&house.gateway).await, "open");
    assert_eq!(house.ask(ACTIVE).await.status, 503);
    let scrape = Scrape::of(&house.gateway).await;
    assert_eq!(scrape.value(&asks("introspect", "breaker_open")), 1.0);
    assert_eq!(scrape.value(&asks("introspect", "server_error")), 4.0);
    house.gateway.clock().advance(30);
    let gate = house.server.gate();
    let probing = async {
        gate.arrived(1).await;
        assert_eq!(state(&house.gateway).await, "half_open");
        gate.open();
    };
    let (probe, ()) = futures_util::future::join(house.ask(ACTIVE), probing).await;
    assert_eq!(probe.status, 200);
    assert_eq!(state(&house.gateway).await, "closed");
}

/// [`ask::Outcome::ALL`] but those of other tests here: answers, places and the breaker.
#[tokio::test]
async fn each_way_an_ask_fails_is_an_outcome_of_its_own() {
    let answer = |status| Fault::Answer(Answer::html(status));
    let mut seen = vec!["ok", "inactive", "overloaded", "breaker_open"];
    for (fault, outcome) in [
        (Fault::Hang, "timeout"),
        (Fault::Reset, "unreachable"),
        (Fault::HangUp, "closed"),
        (answer(429), "rate_limited"),
        (answer(500), "server_error"),
        (Fault::Truncate, "bad_answer"),
        (answer(401), "credentials_refused"),
    ] {
        let house = House::new(&format!("{SINGLE}\ntimeout = \"2s\""), "").await;
        house.server.next(fault);
        house.ask(ACTIVE).await;
        let scrape = Scrape::of(&house.gateway).await;
        let counted = scrape.nonzero("introspectd_provider_requests_total");
        let expected = asks("introspect", outcome);
        assert_eq!(counted, [(expected.as_str(), 1.0)].into());
        seen.push(outcome);
    }
    for outcome in ask::Outcome::ALL {
        assert!(seen.contains(&outcome.as_str()), "{outcome:?}");
    }
}

/// Gateway before a bank at which we fetch a bearer token of our own.
async fn bank() -> (Simulator<passport::Passport>, Gateway) {
    let server = Simulator::start(Passport::server(now())).await.unwrap();
    let section = Passport::section_with_grant(&server.base_url());
    let gateway = Gateway::start(&format!("[providers.bank]\n{section}")).await;
    (server, gateway)
}

#[tokio::test]
async fn each_operation_is_counted_as_what_it_is() {
    let (_server, gateway) = bank().await;
    let id = passport::ACTIVE;
    let record = format!("/v1/providers/bank/tokens/{id}");
    let pair = json!({"token": passport::ACTIVE_ACCESS_TOKEN, "token_id": id}).to_string();
    let order = json!({"client_id": passport::CLIENT_ID, "client_secret": passport::CLIENT_SECRET,
        "grant_type": "client_credentials"});
    for (method, path, body) in [
        ("GET", record.as_str(), String::new()),
        ("GET", "/v1/tokens", String::new()),
        ("PUT", "/v1/providers/bank/bindings", pair),
        ("POST", "/v1/providers/bank/tokens", order.to_string()),
        ("DELETE", record.as_str(), String::new()),
    ] {
        let status = send(&gateway, OPS, method, path, JSON, &body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    }
    let scrape = Scrape::of(&gateway).await;
    for operation in ["grant", "lookup", "list", "bind", "issue", "revoke"] {
        for metric in ["requests_total", "request_duration_seconds_count"] {
            let series: Vec<_> = scrape
                .nonzero(&format!("introspectd_provider_{metric}"))
                .into_iter()
                .filter(|(series, _)| series.contains(&format!("operation=\"{operation}\"")))
                .collect();
            assert_eq!(series.len(), 1, "{operation}: {series:?}");
            assert_eq!(series[0].1, 1.0, "{series:?}");
        }
    }
}

#[tokio::test]
async fn end_of_our_bearer_token_follows_its_renewals() {
    let (server, gateway) = bank().await;
    server.vendor().token_lifetime(Duration::from_secs(600));
    let metric = "introspectd_provider_credential_expiry_timestamp_seconds{provider=\"bank\"}";
    let scrape = Scrape::of(&gateway).await;
    assert!(!scrape.text.contains(metric), "none was fetched");
    let ask = async || {
        let form = Passport::form(passport::UNKNOWN);
        assert_eq!(gateway.post_introspect(&form).await.status, 200);
        Scrape::of(&gateway).await.value(metric)
    };
    let end = (NOW + 600) as f64;
    assert_eq!(ask().await, end);
    gateway.clock().advance(601);
    let renewed = ask().await;
    assert!(renewed > end, "{renewed}");
}
