//! Asks of providers in figures.

use introspectd_simulators::Fault;
use introspectd_simulators::rfc7662::{ACTIVE, UNKNOWN};
use introspectd_tests::{Rfc7662, Room};

use crate::scrape::Scrape;

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
    room.server
        .next(Fault::Answer(introspectd_simulators::Answer::json(
            401,
            serde_json::json!({"error": "invalid_client"}),
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

#[tokio::test]
async fn way_to_each_provider_is_shown_from_the_start() {
    let room = Room::<Rfc7662>::open().await;
    let scrape = Scrape::of(&room.gateway).await;
    let state = |state: &str| {
        scrape.value(&format!(
            "introspectd_provider_breaker_state{{provider=\"sso\",state=\"{state}\"}}"
        ))
    };
    assert_eq!(
        (state("closed"), state("open"), state("half_open")),
        (1.0, 0.0, 0.0)
    );
    for metric in ["in_flight", "queue", "retries_total"] {
        let series = format!("introspectd_provider_{metric}{{provider=\"sso\"}} 0");
        assert!(scrape.text.contains(&series), "{series}");
    }
}
