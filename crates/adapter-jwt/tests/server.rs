//! Tokens whose keys a server publishes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;
use std::time::Duration;

use introspectd_adapter_jwt::{Config, Jwt};
use introspectd_core::{
    Failure, Health, Introspection, ManualClock, Outage, Provider as _, State, Timestamp,
    TokenValue,
};
use introspectd_settings::Environment;
use introspectd_simulators::jwt::{AUDIENCE, Issuer};
use introspectd_simulators::{Answer, Fault, Simulator};
use introspectd_upstream::Outbound;
use serde_json::json;

const NOW: i64 = 1_800_000_000;

/// Issuer under the address that it is found at.
async fn issuer() -> (Simulator<Issuer>, String) {
    let server = Simulator::start(Issuer::new("")).await.unwrap();
    let issuer = server.base_url();
    server.vendor().rename(&issuer);
    (server, issuer)
}

/// Lines by which a provider finds its keys, each in its own way.
fn ways(issuer: &str) -> [String; 2] {
    let url = format!("jwks = {{ url = \"{issuer}/jwks\" }}");
    [url, "discover = true".to_owned()]
}

fn provider(issuer: &str, way: &str) -> Jwt {
    let text =
        format!("issuer = \"{issuer}\"\naudience = [\"{AUDIENCE}\"]\nretry = \"off\"\n{way}\n");
    let root = introspectd_settings::parse_named(&text, "test", &Environment::new(), &[]);
    let config = Config::read(&mut root.unwrap()).expect("no problem");
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW).unwrap()));
    let outbound = Outbound::here(Arc::clone(&clock) as _);
    Jwt::new(config, clock, &outbound, None)
}

async fn ask(provider: &Jwt, server: &Simulator<Issuer>) -> Result<Option<State>, Failure> {
    let vendor = server.vendor();
    let token = TokenValue::parse(vendor.mint(&vendor.claims(NOW))).unwrap();
    let now = Timestamp::from_seconds(NOW).unwrap();
    Ok(match provider.introspect(&token).await? {
        Introspection::Token(record) => Some(record.state(now)),
        Introspection::Inactive => None,
    })
}

const MISSING: Failure = Failure::Unavailable {
    outage: Outage::KeysMissing,
    retry_after: Some(Duration::from_secs(10)),
};

#[tokio::test]
async fn keys_are_fetched_from_their_url_or_where_the_metadata_says() {
    let (server, issuer) = issuer().await;
    for way in ways(&issuer) {
        let provider = provider(&issuer, &way);
        assert_eq!(provider.health(), Health::Unknown);
        assert_eq!(ask(&provider, &server).await, Ok(Some(State::Active)));
        assert_eq!(provider.health(), Health::Good);
        assert_eq!(provider.gauges().keys.map(|it| it.keys), Some(1));
        assert_eq!(provider.missing_keys(), None);
    }
    let paths: Vec<String> = server.requests().into_iter().map(|it| it.target).collect();
    let metadata = "/.well-known/oauth-authorization-server";
    assert_eq!(paths, ["/jwks", metadata, "/jwks"]);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_an_outage_whose_reason_is_known() {
    let (server, issuer) = issuer().await;
    for (answer, reasons) in [
        (
            Answer::json(200, json!({"issuer": issuer, "keys": []})),
            [None, Some("the jwks_uri is missing")],
        ),
        (
            Answer::json(200, json!({"issuer": "https://other.example"})),
            [
                Some("no array of keys"),
                Some("the metadata is of another issuer"),
            ],
        ),
    ] {
        server.always(Fault::Answer(answer));
        for (way, reason) in ways(&issuer).iter().zip(reasons) {
            let provider = provider(&issuer, way);
            assert_eq!(ask(&provider, &server).await, Err(MISSING));
            assert_eq!(provider.health(), Health::Failing);
            assert_eq!(provider.gauges().keys.map(|it| it.keys), Some(0));
            let told = provider.missing_keys();
            match reason {
                Some(reason) => assert!(told.unwrap().contains(reason), "{reason}"),
                None => assert_eq!(told, None, "no key was published"),
            }
        }
    }
}
