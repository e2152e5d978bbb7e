use introspectd_tests::Reply;
use serde_json::{Value, json};

use super::harness::{AUDIENCE, Harness, REVOKED, Wish};

const KEYS: &str = "jwks = { url = \"BASE/t/jwks\" }";

#[track_caller]
fn assert_refused(reply: &Reply, err: &str, what: &str) {
    assert_eq!(reply.status, 400, "{what}: {reply:?}");
    assert_eq!(reply.json()["err"], err, "{what}");
    assert!(reply.json()["description"].is_string(), "{what}");
    assert_eq!(reply.header("content-language"), Some("en"), "{what}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/json"),
        "{what}"
    );
}

#[tokio::test]
async fn pushed_event_purges_its_subject_alone_and_is_acted_upon_once() {
    let harness = Harness::open(KEYS).await;
    harness.warm().await;
    let event = harness.event("set-1");
    let reply = harness.push(&event).await;
    assert_eq!((reply.status, reply.body.len()), (202, 0), "{reply:?}");
    assert_eq!(harness.cached().await, [false, true]);
    // Sent again: known by its jti.
    assert_eq!(harness.push(&event).await.status, 202);
    assert_eq!(harness.cached().await, [true, true]);
    assert_eq!(harness.counted("purged").await, 1);
    assert_eq!(harness.counted("repeated").await, 1);
}

#[tokio::test]
async fn every_algorithm_and_every_kind_of_subject_is_understood() {
    let harness = Harness::open(KEYS).await;
    for (nth, (alg, key)) in [
        ("RS256", "rsa"),
        ("PS256", "rsa"),
        ("ES256", "ec"),
        ("EdDSA", "ed"),
    ]
    .into_iter()
    .enumerate()
    {
        harness.warm().await;
        let mut event = harness.event(&format!("alg-{nth}"));
        event.header = json!({"alg": alg, "kid": key, "typ": "application/secevent+jwt"});
        event.key = key;
        assert_eq!(harness.push(&event).await.status, 202, "{alg}");
        assert_eq!(harness.cached().await, [false, true], "{alg}");
    }
    let alice = json!({"format": "opaque", "id": "alice"});
    let email = json!({"format": "email", "email": "alice@example.com"});
    for (nth, (subject, is_purged)) in [
        (alice.clone(), true),
        (
            json!({"format": "jwt_id", "iss": harness.issuer(), "jti": "jti-alice"}),
            true,
        ),
        (
            json!({"format": "complex", "user": alice, "device": email}),
            true,
        ),
        (
            json!({"format": "complex", "application": {"format": "opaque", "id": "app-alice"}}),
            true,
        ),
        (
            json!({"format": "aliases", "identifiers": [email, alice]}),
            true,
        ),
        (email, false),
        (
            json!({"format": "account", "uri": "acct:alice@example.com"}),
            false,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        harness.warm().await;
        let mut event = harness.event(&format!("subject-{nth}"));
        event.claims["sub_id"] = subject.clone();
        assert_eq!(harness.push(&event).await.status, 202, "{subject}");
        assert_eq!(harness.cached().await, [!is_purged, true], "{subject}");
    }
    assert_eq!(harness.counted("unmatched").await, 2);
}

#[tokio::test]
async fn subject_that_facts_do_not_know_purges_its_providers_where_that_is_configured() {
    let harness = Harness::open("discover = true\nfallback = \"provider\"").await;
    harness.warm().await;
    let mut event = harness.event("set-1");
    event.claims["sub_id"] = json!({"format": "email", "email": "alice@example.com"});
    assert_eq!(harness.push(&event).await.status, 202);
    assert_eq!(harness.cached().await, [false, false]);
    assert_eq!(harness.push(&harness.event("set-2")).await.status, 202);
    assert_eq!(
        harness.cached().await,
        [false, true],
        "matched: no more than that"
    );
}

#[tokio::test]
async fn verification_and_unknown_events_are_accepted_and_purge_nothing() {
    let harness = Harness::open(KEYS).await;
    harness.warm().await;
    assert!(harness.notes().await.contains("verified never"));
    let types = [
        (
            "https://schemas.openid.net/secevent/ssf/event-type/verification",
            "verified",
        ),
        (
            "https://schemas.openid.net/secevent/caep/event-type/session-established",
            "ignored",
        ),
    ];
    for (event_type, outcome) in types {
        let mut event = harness.event(outcome);
        event.claims["events"] = json!({event_type: {"state": "x"}});
        event.claims["sub_id"] = json!({"format": "opaque", "id": "stream-1"});
        assert_eq!(harness.push(&event).await.status, 202, "{event_type}");
        assert_eq!(harness.counted(outcome).await, 1);
    }
    assert!(harness.notes().await.contains("verified 0 s ago"));
    assert_eq!(harness.cached().await, [true, true]);
}

/// A wish with one member of the claims replaced; null takes it away.
fn claim(mut event: Wish, name: &str, value: Value) -> Wish {
    let claims = event.claims.as_object_mut().unwrap();
    if value.is_null() {
        claims.remove(name);
    } else {
        claims.insert(name.to_owned(), value);
    }
    event
}

fn header(mut event: Wish, name: &str, value: &str) -> Wish {
    event.header[name] = json!(value);
    event
}

#[tokio::test]
async fn each_bad_event_is_refused_and_purges_nothing() {
    let harness = Harness::open(KEYS).await;
    harness.warm().await;
    let asked = harness.asked();
    let event = || harness.event("bad");
    let signed = |mut event: Wish, alg: &str, kid: &str, key| {
        event.header["alg"] = json!(alg);
        event.header["kid"] = json!(kid);
        event.key = key;
        event
    };
    for (what, bad, err) in [
        (
            "another typ",
            header(event(), "typ", "JWT"),
            "invalid_request",
        ),
        (
            "an access token",
            header(event(), "typ", "at+jwt"),
            "invalid_request",
        ),
        (
            "a logout token",
            header(event(), "typ", "logout+jwt"),
            "invalid_request",
        ),
        ("none", signed(event(), "none", "ec", "none"), "invalid_key"),
        (
            "an HMAC",
            signed(event(), "HS256", "ec", "hmac"),
            "invalid_key",
        ),
        (
            "another algorithm",
            signed(event(), "RS384", "rsa", "rsa"),
            "invalid_key",
        ),
        (
            "a key of another type",
            signed(event(), "ES256", "rsa", "ec"),
            "invalid_key",
        ),
        (
            "another's key",
            signed(event(), "ES256", "ec", "forged"),
            "invalid_key",
        ),
        (
            "a small key",
            signed(event(), "RS256", "small", "small"),
            "invalid_key",
        ),
        (
            "another issuer",
            claim(event(), "iss", json!("https://other.example")),
            "invalid_issuer",
        ),
        (
            "no issuer",
            claim(event(), "iss", Value::Null),
            "invalid_request",
        ),
        (
            "another audience",
            claim(event(), "aud", json!("https://other")),
            "invalid_audience",
        ),
        (
            "no audience",
            claim(event(), "aud", Value::Null),
            "invalid_request",
        ),
        (
            "an end",
            claim(event(), "exp", json!(4_000_000_000_u64)),
            "invalid_request",
        ),
        (
            "a subject",
            claim(event(), "sub", json!("alice")),
            "invalid_request",
        ),
        (
            "no subject identifier",
            claim(event(), "sub_id", Value::Null),
            "invalid_request",
        ),
        (
            "a text for it",
            claim(event(), "sub_id", json!("alice")),
            "invalid_request",
        ),
        (
            "an unknown format",
            claim(event(), "sub_id", json!({"format": "x", "id": "alice"})),
            "invalid_request",
        ),
        (
            "a format without its member",
            claim(
                event(),
                "sub_id",
                json!({"format": "iss_sub", "sub": "alice"}),
            ),
            "invalid_request",
        ),
        (
            "no jti",
            claim(event(), "jti", Value::Null),
            "invalid_request",
        ),
        (
            "no iat",
            claim(event(), "iat", Value::Null),
            "invalid_request",
        ),
        (
            "no events",
            claim(event(), "events", Value::Null),
            "invalid_request",
        ),
        (
            "no event",
            claim(event(), "events", json!({})),
            "invalid_request",
        ),
        (
            "two events",
            claim(
                event(),
                "events",
                json!({REVOKED: {}, "https://x.example/y": {}}),
            ),
            "invalid_request",
        ),
        (
            "an event of no object",
            claim(event(), "events", json!({REVOKED: 1})),
            "invalid_request",
        ),
    ] {
        let reply = harness.push(&bad).await;
        assert_refused(&reply, err, what);
    }
    for (what, text) in [("nothing", ""), ("no token", "x"), ("two parts", "e30.e30")] {
        let reply = harness
            .push_text(text.to_owned(), Some(super::harness::AUTHORIZED))
            .await;
        assert_refused(&reply, "invalid_request", what);
    }
    let good = harness.mint(&event()).await;
    for shown in [None, Some("Bearer other"), Some("transmitter-secret")] {
        let reply = harness.push_text(good.clone(), shown).await;
        assert_refused(&reply, "authentication_failed", "authorization");
    }
    let mut tampered = good.clone();
    tampered.replace_range(good.len() - 8..good.len() - 4, "AAAA");
    let reply = harness
        .push_text(tampered, Some(super::harness::AUTHORIZED))
        .await;
    assert_refused(&reply, "invalid_key", "a changed signature");
    let uri = format!("http://{}/events", harness.gateway.api());
    let authorized = Some(super::harness::AUTHORIZED);
    let reply = harness
        .post(&uri, "application/jwt", authorized, good.clone())
        .await;
    assert_eq!(reply.status, 415);

    assert_eq!(harness.cached().await, [true, true]);
    assert_eq!(harness.asked(), asked, "nobody was asked again");
    // The very event is good as it is: none of the above used it up.
    assert_eq!(harness.push_text(good, authorized).await.status, 202);
    assert_eq!(harness.cached().await, [false, true]);
}

#[tokio::test]
async fn missing_keys_are_temporary_and_found_later() {
    let harness = Harness::open(KEYS).await;
    harness.warm().await;
    let mut event = harness.event("set-1");
    event.header["kid"] = json!("new");
    event.key = "new";
    let set = harness.mint(&event).await;
    let authorized = Some(super::harness::AUTHORIZED);
    let reply = harness.push_text(set.clone(), authorized).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_eq!(reply.header("retry-after"), Some("10"));
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
    assert_eq!(harness.cached().await, [true, true]);
    harness.tell("/set", &json!({"keys": false})).await;
    harness.gateway.clock().advance(10);
    let reply = harness.push_text(set.clone(), authorized).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    harness.tell("/set", &json!({"keys": true})).await;
    harness.gateway.clock().advance(10);
    assert_eq!(harness.push_text(set, authorized).await.status, 202);
    assert_eq!(harness.cached().await, [false, true]);
    // By now the set is known whole.
    let mut made_up = harness.event("set-2");
    made_up.header["kid"] = json!("made-up");
    harness.gateway.clock().advance(10);
    let reply = harness.push(&made_up).await;
    assert_refused(&reply, "invalid_key", "an unknown key");
    assert_eq!(harness.counted("postponed").await, 2);
    assert_eq!(AUDIENCE, "https://introspect.example");
}
