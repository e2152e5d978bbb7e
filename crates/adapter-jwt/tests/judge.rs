//! Tokens of other libraries, judged by the keys of a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;

use introspectd_adapter_jwt::{Config, Jwt};
use introspectd_core::{
    Clock, Health, Introspection, ManualClock, Provider, State, Timestamp, TokenValue,
};
use introspectd_settings::Environment;
use introspectd_upstream::Outbound;
use serde_json::Value;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/jwks.json");

/// Time between `iat` and `exp` of the tokens.
const NOW: i64 = 1_950_000_000;

fn jwt(lines: &str) -> (Jwt, Arc<ManualClock>) {
    let text = format!(
        "issuer = \"https://issuer.example\"\naudience = [\"https://orders.example\"]\n\
         jwks = {{ file = \"{KEYS}\" }}\n{lines}"
    );
    let root = introspectd_settings::parse_named(&text, "test", &Environment::new(), &[]);
    let mut root = root.unwrap();
    let config = Config::read(&mut root).expect("no problem");
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW).unwrap()));
    let outbound = Outbound::here(Arc::clone(&clock) as _);
    (
        Jwt::new(config, Arc::clone(&clock) as _, &outbound, None),
        clock,
    )
}

fn minted() -> Vec<Value> {
    serde_json::from_str(include_str!("../testdata/minted.json")).unwrap()
}

async fn state(jwt: &Jwt, clock: &ManualClock, token: &str) -> Option<State> {
    let token = TokenValue::parse(token.to_owned()).unwrap();
    match jwt.introspect(&token).await.unwrap() {
        Introspection::Token(record) => Some(record.state(clock.now())),
        Introspection::Inactive => None,
    }
}

#[tokio::test]
async fn tokens_of_other_libraries_are_active_by_the_algorithms_that_are_allowed() {
    let all = "algorithms = [\"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \
               \"ES256\", \"ES384\", \"EdDSA\"]";
    let usual = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"];
    for (lines, are_all) in [(all, true), ("", false)] {
        let (jwt, clock) = jwt(lines);
        for entry in minted() {
            let algorithm = entry["alg"].as_str().unwrap();
            let token = entry["token"].as_str().unwrap();
            let state = state(&jwt, &clock, token).await;
            let expected = if are_all || usual.contains(&algorithm) {
                State::Active
            } else {
                State::Unknown
            };
            assert_eq!(state, Some(expected), "{entry}");
        }
    }
}

#[tokio::test]
async fn token_ends_at_its_second_and_starts_when_it_was_issued() {
    let (jwt, clock) = jwt("");
    let tokens = minted();
    let token = tokens[0]["token"].as_str().unwrap();
    for (now, expected) in [
        (1_899_999_999, State::Unknown),
        (1_900_000_000, State::Active),
        (1_999_999_999, State::Active),
        (2_000_000_000, State::Expired),
    ] {
        clock.set(Timestamp::from_seconds(now).unwrap());
        assert_eq!(state(&jwt, &clock, token).await, Some(expected), "{now}");
    }
}

#[tokio::test]
async fn any_other_text_is_inactive() {
    let (jwt, clock) = jwt("");
    for text in [
        "opaque",
        "a.b.c",
        "..",
        "eyJhbGciOiJub25lIn0.e30.",
        "a.b.c.d.e",
    ] {
        assert_eq!(state(&jwt, &clock, text).await, None, "{text}");
    }
}

#[tokio::test]
async fn provider_that_asks_nobody_is_good_and_revokes_nothing() {
    let (jwt, _clock) = jwt("");
    assert_eq!(jwt.health(), Health::Good);
    assert!(jwt.is_local());
    assert!(jwt.revocation().is_none());
    assert_eq!(jwt.gauges().keys.map(|it| it.keys), Some(4));
    assert_eq!(jwt.gauges().in_flight, 0);
}
