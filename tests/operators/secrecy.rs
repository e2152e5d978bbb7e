//! Metrics hold names of the configuration and fixed words, and nothing that a request brings.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_core::ask;
use introspectd_fleet::Counted;
use introspectd_service::{CacheUse, EndpointName, Lookup, OutcomeClass};
use introspectd_simulators::rfc7662::ACTIVE;
use introspectd_tests::{Rfc7662, Room, basic};

use crate::scrape::Scrape;

/// Names of the configuration and words beside those of the enums.
const WORDS: &[&str] = &[
    "edge",
    "ops",
    "sso",
    "127.0.0.1:0",
    "written",
    "lost",
    "applied",
    "refused",
    "active",
    "unknown",
    "",
    env!("CARGO_PKG_VERSION"),
];

#[tokio::test]
async fn labels_are_names_of_the_configuration_and_fixed_words() {
    let room = Room::<Rfc7662>::open().await;
    room.ask(ACTIVE).await;
    room.ask("sso_\"}\n# an_injection 1").await;
    for path in [
        format!("/{ACTIVE}"),
        format!("/forward-auth/{ACTIVE}"),
        format!("/v1/providers/{ACTIVE}/tokens/{ACTIVE}"),
        format!("/v1/tokens?owner={ACTIVE}"),
    ] {
        let caller = basic(ACTIVE, ACTIVE);
        for header in [AUTHORIZATION.as_str(), "x-introspectd-caller"] {
            let request = Request::get(format!("http://{}{path}", room.gateway.api()))
                .header(header, &caller)
                .header("x-request-id", ACTIVE);
            room.gateway
                .send(request.body(Full::<Bytes>::default()).unwrap())
                .await;
        }
    }
    let scrape = Scrape::of(&room.gateway).await;
    let mut known: BTreeSet<&str> = WORDS.iter().copied().collect();
    known.extend(EndpointName::ALL.iter().map(|it| it.as_str()));
    known.extend(OutcomeClass::ALL.iter().map(|it| it.as_str()));
    known.extend(CacheUse::ALL.iter().map(|it| it.as_str()));
    known.extend(Lookup::ALL.iter().map(|it| it.as_str()));
    known.extend(ask::Operation::ALL.iter().map(|it| it.as_str()));
    known.extend(ask::Outcome::ALL.iter().map(|it| it.as_str()));
    known.extend(Counted::ALL.iter().map(|it| it.as_str()));
    known.extend(ask::BreakerState::ALL.iter().map(|it| it.as_str()));
    for series in scrape.series() {
        let labels = series.split_once('{').map_or("", |(_, labels)| labels);
        let labels = labels.trim_end_matches('}').split(',');
        for label in labels.filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').unwrap();
            let value = value.trim_matches('"');
            assert!(name == "le" || known.contains(value), "{series}");
        }
    }
}
