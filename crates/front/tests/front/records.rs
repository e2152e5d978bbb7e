//! Tokens as records: `/revoke` and `/v1`.

use introspectd_core::{BadAnswer, Expiry, Failure, Outage, Status, Timestamp, Token, Unreachable};
use serde_json::json;

use crate::bench::{ACTIVE, Bench, START};
use crate::client::{Ask, Reply};
use crate::provider::good;

const ADMIN: &str = "Bearer admin-secret";
const NARROW: &str = "Bearer narrow-admin-secret";

fn revoke(token: &str) -> Ask {
    Ask::form(format!("token={token}"))
        .to("POST", "/revoke")
        .by(ADMIN)
}

fn at(method: &'static str, path: &str) -> Ask {
    Ask::form("")
        .to(method, path)
        .without("content-type")
        .by(ADMIN)
}

fn purge(what: &serde_json::Value) -> Ask {
    let ask = Ask::form(what.to_string()).to("POST", "/v1/cache/purge");
    ask.header("content-type", "application/json").by(ADMIN)
}

#[track_caller]
fn is_done(reply: &Reply) {
    assert_eq!((reply.status, &*reply.body), (200, ""), "{reply:#?}");
}

async fn cached(bench: &Bench, token: &str) -> String {
    Ask::token(token).at(bench).await.cache().to_owned()
}

fn of(sub: &str, client_id: &str) -> Token {
    let mut token = good();
    (token.sub, token.client_id) = (Some(sub.to_owned()), Some(client_id.to_owned()));
    token
}

#[tokio::test]
async fn a_revoked_token_is_inactive_at_once() {
    let bench = Bench::start().await;
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    is_done(&revoke(ACTIVE).at(&bench).await);
    let after = Ask::token(ACTIVE).at(&bench).await;
    assert!(!after.is_active());
    assert_eq!(after.cache(), "miss");
    assert!(bench.bank.asked().contains(&format!("revoke {ACTIVE}")));
}

#[tokio::test]
async fn token_of_no_provider_counts_as_revoked() {
    let bench = Bench::start().await;
    is_done(&revoke("of-no-provider").at(&bench).await);
    is_done(
        &Ask::form(format!("token={ACTIVE}&provider=plain"))
            .to("POST", "/revoke")
            .by(ADMIN)
            .at(&bench)
            .await,
    );
    // Of a provider that this caller may not see.
    is_done(&revoke(ACTIVE).by(NARROW).at(&bench).await);
    assert_eq!(bench.bank.asked().len(), 0);
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
}

#[tokio::test]
async fn unconfirmed_revocation_is_reported_and_still_purges() {
    let bench = Bench::start().await;
    for (failure, status, error) in [
        (Failure::Timeout, 504, "upstream_timeout"),
        (
            Failure::outage(Outage::Unreachable(Unreachable::Refused)),
            503,
            "temporarily_unavailable",
        ),
        (BadAnswer::Credentials(403).into(), 502, "upstream_error"),
    ] {
        bench.bank.knows("b_t", good());
        assert!(Ask::token("b_t").at(&bench).await.is_active());
        bench.bank.fails("b_t", failure);
        let reply = revoke("b_t").at(&bench).await;
        reply.refuses(status, error);
        assert!(reply.body.contains("did not confirm"), "{reply:#?}");
        Ask::token("b_t").at(&bench).await.refuses(status, error);
        let spanish = revoke("b_t")
            .header("accept-language", "es")
            .at(&bench)
            .await;
        assert!(spanish.body.contains("no confirm"), "{spanish:#?}");
    }
}

#[tokio::test]
async fn unsupported_revocation_is_reported_and_still_purges() {
    let bench = Bench::start().await;
    bench.plain.knows("p_t", good());
    Ask::token("p_t").at(&bench).await;
    revoke("p_t").at(&bench).await.refuses(501, "unsupported");
    assert_eq!(cached(&bench, "p_t").await, "miss");
}

#[tokio::test]
async fn a_revocation_takes_a_token_and_its_permission() {
    let bench = Bench::start().await;
    revoke(ACTIVE)
        .by("Bearer operator-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    revoke(ACTIVE)
        .by("Bearer wrong")
        .at(&bench)
        .await
        .refuses(401, "invalid_client");
    revoke("").at(&bench).await.refuses(400, "invalid_request");
    revoke("x&provider=none")
        .at(&bench)
        .await
        .refuses(400, "invalid_request");
    revoke("x&token_type_hint=token_id&provider=bank")
        .at(&bench)
        .await
        .refuses(400, "invalid_request");
    is_done(&revoke("x&token_type_hint=access_token").at(&bench).await);
    at("GET", "/revoke")
        .at(&bench)
        .await
        .refuses(405, "method_not_allowed");
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn a_record_is_shown_whatever_its_state() {
    let bench = Bench::start().await;
    let second = |offset: i64| Timestamp::from_seconds(START + offset).unwrap();
    let mut early = good();
    early.nbf = Some(second(10));
    for (id, token, state) in [
        ("good", of("s", "c"), "active"),
        (
            "over",
            Token::new(Status::Good, Expiry::At(second(0))),
            "expired",
        ),
        (
            "gone",
            Token::new(Status::Revoked, Expiry::Never),
            "revoked",
        ),
        ("early", early, "not_yet_valid"),
        ("odd", Token::new(Status::Unknown, Expiry::Never), "unknown"),
    ] {
        bench.bank.knows(id, token);
        let record = at("GET", &format!("/v1/providers/bank/tokens/{id}"))
            .at(&bench)
            .await;
        assert_eq!(record.json()["state"], state, "{record:#?}");
        assert_eq!(
            (record.json().get("active"), &record.json()["provider"]),
            (None, &json!("bank"))
        );
    }
    let good = at("GET", "/v1/providers/bank/tokens/good").at(&bench).await;
    assert_eq!(
        good.json(),
        json!({"state": "active", "client_id": "c", "sub": "s", "provider": "bank"})
    );
    assert_eq!(good.cache(), "hit");
}

#[tokio::test]
async fn record_needs_the_permission_and_its_provider() {
    let bench = Bench::start().await;
    bench.bank.knows("a b/c", good());
    let path = "/v1/providers/bank/tokens/a%20b%2Fc";
    assert_eq!(at("GET", path).at(&bench).await.status, 200);
    assert_eq!(bench.bank.asked(), ["id a b/c"]);
    at("GET", path)
        .by(&crate::client::basic("edge:s3cr:t/+ %41"))
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    at("GET", path)
        .by(NARROW)
        .at(&bench)
        .await
        .refuses(404, "not_found");
    at("GET", "/v1/providers/none/tokens/x")
        .at(&bench)
        .await
        .refuses(404, "not_found");
    at("GET", "/v1/providers/bank/tokens/unknown")
        .at(&bench)
        .await
        .refuses(404, "not_found");
    at("GET", "/v1/providers/plain/tokens/x")
        .at(&bench)
        .await
        .refuses(501, "unsupported");
    for odd in ["", "%ff", "a/b"] {
        at("GET", &format!("/v1/providers/bank/tokens/{odd}"))
            .at(&bench)
            .await
            .refuses(404, "not_found");
    }
    at("POST", path)
        .at(&bench)
        .await
        .refuses(405, "method_not_allowed");
}

#[tokio::test]
async fn token_is_revoked_by_its_id() {
    let bench = Bench::start().await;
    bench.bank.knows("the-id", good());
    let path = "/v1/providers/bank/tokens/the-id";
    at("GET", path).at(&bench).await;
    let mut token = good();
    token.jti = Some("the-id".to_owned());
    bench.bank.knows("b_its-value", token.clone());
    token.jti = Some("another-id".to_owned());
    bench.bank.knows("b_other", token);
    for token in ["b_its-value", "b_other"] {
        Ask::token(token).at(&bench).await;
    }
    at("DELETE", path)
        .by("Bearer auditor-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    at("DELETE", path)
        .by(NARROW)
        .at(&bench)
        .await
        .refuses(404, "not_found");
    is_done(&at("DELETE", path).at(&bench).await);
    at("GET", path).at(&bench).await.refuses(404, "not_found");
    assert_eq!(cached(&bench, "b_its-value").await, "miss");
    assert_eq!(cached(&bench, "b_other").await, "hit");
    at("DELETE", "/v1/providers/plain/tokens/x")
        .at(&bench)
        .await
        .refuses(501, "unsupported");
    bench.bank.fails("down", Failure::Timeout);
    at("DELETE", "/v1/providers/bank/tokens/down")
        .at(&bench)
        .await
        .refuses(504, "upstream_timeout");
}

#[tokio::test]
async fn purge_removes_exactly_what_it_selects() {
    let bench = Bench::start().await;
    let known = [
        ("b_alice", of("alice", "app")),
        ("b_bob", of("bob", "app")),
        ("b_quote", of("qu\"ote", "other")),
    ];
    for (purged, gone) in [
        (json!({"token": "b_alice"}), vec!["b_alice"]),
        (json!({"sub": "alice"}), vec!["b_alice"]),
        (json!({"sub": "qu\"ote"}), vec!["b_quote"]),
        (json!({"client_id": "app"}), vec!["b_alice", "b_bob"]),
        (
            json!({"provider": "bank"}),
            vec!["b_alice", "b_bob", "b_quote"],
        ),
        (json!({"provider": "plain"}), vec![]),
        (json!({"sub": "app"}), vec![]),
        (json!({"all": true}), vec!["b_alice", "b_bob", "b_quote"]),
    ] {
        for (token, record) in &known {
            bench.bank.knows(token, record.clone());
            Ask::token(token).at(&bench).await;
        }
        let reply = purge(&purged).at(&bench).await;
        assert_eq!(reply.json(), json!({"purged": gone.len()}), "{purged}");
        for (token, _) in &known {
            let expected = if gone.contains(token) { "miss" } else { "hit" };
            assert_eq!(
                cached(&bench, token).await,
                expected,
                "{token} after {purged}"
            );
        }
    }
}

#[tokio::test]
async fn purge_needs_its_permission_and_exactly_one_selector() {
    let bench = Bench::start().await;
    purge(&json!({"all": true}))
        .by("Bearer operator-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    for odd in [
        json!({}),
        json!({"all": false}),
        json!({"all": true, "sub": "x"}),
        json!({"token": ""}),
        json!({"sub": ""}),
        json!({"client_id": ""}),
        json!({"provider": ""}),
        json!({"sub": "", "client_id": "app"}),
        json!({"subject": "x"}),
        json!({"sub": 1}),
        json!([]),
        json!({"provider": "none"}),
    ] {
        purge(&odd).at(&bench).await.refuses(400, "invalid_request");
    }
    let form = Ask::form("all=true")
        .to("POST", "/v1/cache/purge")
        .by(ADMIN);
    form.at(&bench).await.refuses(415, "unsupported_media_type");
    at("GET", "/v1/cache/purge")
        .at(&bench)
        .await
        .refuses(405, "method_not_allowed");
    purge(&json!({"provider": "bank"}))
        .by(NARROW)
        .at(&bench)
        .await
        .refuses(400, "invalid_request");
}

/// A caller cannot purge what it may not see, and can purge the rest, active or not.
#[tokio::test]
async fn a_confined_caller_purges_all_facts_of_its_own_providers_and_no_other() {
    let bench = Bench::start().await;
    bench.bank.knows("b_t", of("alice", "app"));
    bench.plain.knows("p_t", of("alice", "app"));
    let all = ["b_t", "b_unknown", "p_t", "p_unknown"];
    for (what, gone) in [
        (json!({"all": true}), vec!["p_t", "p_unknown"]),
        (json!({"provider": "plain"}), vec!["p_t", "p_unknown"]),
        (json!({"sub": "alice"}), vec!["p_t"]),
        (json!({"client_id": "app"}), vec!["p_t"]),
        (json!({"token": "p_t"}), vec!["p_t"]),
        (json!({"token": "p_unknown"}), vec!["p_unknown"]),
        (json!({"token": "b_t"}), vec![]),
    ] {
        for token in all {
            Ask::token(token).at(&bench).await;
        }
        let reply = purge(&what).by(NARROW).at(&bench).await;
        assert_eq!(reply.json(), json!({"purged": gone.len()}), "{what}");
        for token in all {
            let expected = if gone.contains(&token) { "miss" } else { "hit" };
            assert_eq!(
                cached(&bench, token).await,
                expected,
                "{token} after {what}"
            );
        }
    }
}

#[tokio::test]
async fn caller_sees_its_providers_with_capabilities_and_health() {
    let bench = Bench::start().await;
    Ask::token(ACTIVE).at(&bench).await;
    bench.plain.fails("p_x", Failure::Timeout);
    Ask::token("p_x").at(&bench).await;
    let all = at("GET", "/v1/providers")
        .by("Bearer idle-secret")
        .at(&bench)
        .await
        .json();
    assert_eq!(
        all,
        json!({"providers": [
            {"name": "bank", "kind": "fake",
             "capabilities": ["introspect", "lookup", "revoke", "revoke_by_id", "bind", "issue"],
             "health": "good"},
            {"name": "plain", "kind": "fake", "capabilities": ["introspect"], "health": "failing",
             "last_error": {
                 "error": "upstream_timeout",
                 "reason": "the provider gave no answer in time",
                 "at": START,
             }},
            {"name": "loose", "kind": "fake",
             "capabilities": ["introspect", "lookup", "revoke", "revoke_by_id", "bind", "issue"],
             "health": "unknown"},
        ]})
    );
    bench.plain.fails("p_y", BadAnswer::Credentials(401));
    Ask::token("p_y").at(&bench).await;
    let refused = at("GET", "/v1/providers")
        .by("Bearer idle-secret")
        .at(&bench)
        .await
        .json();
    let plain = &refused["providers"][1];
    assert_eq!(
        (&plain["health"], &plain["last_error"]["error"]),
        (&json!("credentials_refused"), &json!("upstream_error"))
    );
    let own = at("GET", "/v1/providers")
        .by(NARROW)
        .at(&bench)
        .await
        .json();
    assert_eq!(own["providers"].as_array().unwrap().len(), 1);
    at("GET", "/v1/providers")
        .by("Bearer wrong")
        .at(&bench)
        .await
        .refuses(401, "invalid_client");
    at("DELETE", "/v1/providers")
        .at(&bench)
        .await
        .refuses(405, "method_not_allowed");
    at("GET", "/v1/other")
        .at(&bench)
        .await
        .refuses(404, "not_found");
}
