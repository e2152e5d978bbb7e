use http::Request;
use http_body_util::Full;
use introspectd_core::{Clock, SystemClock};
use introspectd_tests::{NOW, form_body};
use serde_json::{Value, json};

use super::harness::{Harness, Wish};
use crate::peer::Peer;

const KEYS: &str = "jwks = { url = \"BASE/t/jwks\" }";

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn logout(harness: &Harness, jti: &str) -> Wish {
    Wish {
        header: json!({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}),
        claims: json!({
            "iss": harness.issuer(), "aud": "client", "iat": NOW, "exp": NOW + 120, "jti": jti,
            "sub": "alice", "sid": "s-1", "events": {EVENT: {}},
        }),
        key: "rsa",
    }
}

#[tokio::test]
async fn logout_purges_its_subject_alone_and_is_acted_upon_once() {
    let harness = Harness::open(KEYS).await;
    harness.warm().await;
    let good = logout(&harness, "out-1");
    let reply = harness.log_out(&good).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(harness.cached().await, [false, true]);
    assert_eq!(harness.log_out(&good).await.status, 200);
    assert_eq!(harness.cached().await, [true, true]);
    // An event has jti of its own, though it be the same text.
    assert_eq!(harness.push(&harness.event("out-1")).await.status, 202);
    assert_eq!(harness.cached().await, [false, true]);
}

#[tokio::test]
async fn session_alone_purges_the_providers_where_that_is_configured() {
    for (fallback, cached) in [("none", true), ("provider", false)] {
        let harness = Harness::open(&format!("{KEYS}\nfallback = \"{fallback}\"")).await;
        harness.warm().await;
        let mut of_session = logout(&harness, "out-1");
        of_session.claims.as_object_mut().unwrap().remove("sub");
        assert_eq!(harness.log_out(&of_session).await.status, 200);
        assert_eq!(harness.cached().await, [cached, cached], "{fallback}");
    }
}

#[tokio::test]
async fn each_bad_logout_is_refused_and_purges_nothing() {
    let harness = Harness::open(KEYS).await;
    harness.warm().await;
    let with = |member: &str, value: Value| {
        let mut bad = logout(&harness, "bad");
        if value.is_null() {
            bad.claims.as_object_mut().unwrap().remove(member);
        } else {
            bad.claims[member] = value;
        }
        bad
    };
    let mut of_event = logout(&harness, "bad");
    of_event.header["typ"] = json!("secevent+jwt");
    let mut forged = logout(&harness, "bad");
    forged.header = json!({"alg": "ES256", "kid": "ec", "typ": "logout+jwt"});
    forged.key = "forged";
    let mut nobody = with("sub", Value::Null);
    nobody.claims.as_object_mut().unwrap().remove("sid");
    for (what, bad) in [
        ("nonce", with("nonce", json!("n"))),
        ("event", with("events", json!({}))),
        ("end", with("exp", json!(NOW))),
        ("audience", with("aud", json!("other"))),
        ("issuer", with("iss", json!("https://other.example"))),
        ("jti", with("jti", Value::Null)),
        ("iat", with("iat", Value::Null)),
        ("typ", of_event),
        ("key", forged),
        ("nobody", nobody),
    ] {
        let reply = harness.log_out(&bad).await;
        assert_eq!(reply.status, 400, "{what}: {reply:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
        assert!(reply.json()["error"].is_string(), "{what}");
    }
    assert_eq!(harness.cached().await, [true, true]);
}

/// Sent by npm's `oidc-provider` itself.
#[tokio::test]
async fn logout_of_a_real_server_purges_its_subject_alone() {
    let server = Peer::node("oidc-provider", "server.mjs", json!({})).await;
    let issuer = format!("http://127.0.0.1:{}", server.port);
    let section = format!(
        "{KEYS}\n[events.op]\nissuer = \"{issuer}\"\naudience = [\"app\"]\n\
         jwks = {{ url = \"{issuer}/jwks\" }}\n"
    );
    let harness = Harness::open(&section).await;
    harness.warm().await;
    // Its tokens are of the real time, which is before that of the facts' end.
    let now = SystemClock::default().now().seconds();
    harness.gateway.clock().set(now);
    while !harness.notes().await.contains("events op: 1 keys") {
        tokio::task::yield_now().await;
    }
    let uri = format!("http://{}/backchannel-logout", harness.gateway.api());
    let query = form_body(&[("sub", "alice"), ("uri", &uri)]);
    let request = Request::get(format!("{issuer}/log-out?{query}"));
    let reply = harness
        .gateway
        .send(request.body(Full::default()).unwrap())
        .await;
    assert_eq!(reply.status, 204, "{reply:?}");
    assert_eq!(harness.cached().await, [false, true]);
}
