//! The RFC 7662 simulator against the RFCs that it follows.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use introspectd_simulators::rfc7662::{
    ACTIVE, ACTIVE_JWT, CLIENT_ID, CLIENT_SECRET, EXPIRED, ISSUER, LIFETIME, NOT_YET, REVOKED,
    Rfc7662, STALE, UNKNOWN, jwt,
};
use introspectd_simulators::{Answer, Simulator};
use serde_json::json;
use wire::{Reply, Wire};

const FORM: &str = "application/x-www-form-urlencoded";
const NOW: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

async fn sso() -> Simulator<Rfc7662> {
    Simulator::start(Rfc7662::new(now()))
        .await
        .expect("loopback")
}

fn post(server: &Simulator<Rfc7662>, path: &str, form: &str) -> Wire {
    Wire::new(server.address(), "POST", path).body(FORM, form)
}

async fn introspect(server: &Simulator<Rfc7662>, token: &str) -> Reply {
    post(server, "/introspect", &format!("token={token}"))
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await
}

#[tokio::test]
async fn sample_tokens_have_their_documented_states() {
    let server = sso().await;
    for token in [ACTIVE, ACTIVE_JWT] {
        let record = introspect(&server, token).await.json();
        assert_eq!(
            (&record["active"], &record["exp"]),
            (&json!(true), &json!(NOW + LIFETIME.as_secs()))
        );
        assert_eq!(record["iss"], ISSUER);
    }
    for token in [EXPIRED, REVOKED, UNKNOWN] {
        let reply = introspect(&server, token).await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({"active": false})),
            "{token}"
        );
    }
    let stale = introspect(&server, STALE).await.json();
    assert_eq!(
        (&stale["active"], &stale["exp"]),
        (&json!(true), &json!(NOW - 600))
    );
    assert_eq!(introspect(&server, NOT_YET).await.json()["nbf"], NOW + 3600);
    for opaque in [ACTIVE, EXPIRED, REVOKED, UNKNOWN, STALE, NOT_YET] {
        assert!(opaque.starts_with("sso_"));
    }
}

#[tokio::test]
async fn client_authenticates_in_one_of_three_ways() {
    let server = sso().await;
    let token = format!("token={ACTIVE}");
    let anonymous = post(&server, "/introspect", &token).reply().await;
    assert_eq!(anonymous.status, 401);
    assert!(
        anonymous
            .head
            .contains("\r\nwww-authenticate: basic realm=")
    );
    let wrong = post(&server, "/introspect", &token)
        .basic(CLIENT_ID, "wrong")
        .reply()
        .await;
    assert_eq!(
        (wrong.status, wrong.json()),
        (401, json!({"error": "invalid_client"}))
    );
    let encoded = post(&server, "/introspect", &token)
        .basic("%69ntrospectd", CLIENT_SECRET)
        .reply()
        .await;
    assert_eq!(encoded.status, 200);
    let in_form = format!("{token}&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    assert_eq!(
        post(&server, "/introspect", &in_form).reply().await.status,
        200
    );
    let both = post(&server, "/introspect", &in_form)
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await;
    assert_eq!(both.status, 400);
    let unknown = post(&server, "/introspect", &token)
        .bearer("unknown")
        .reply()
        .await;
    assert_eq!(unknown.status, 401);
    assert!(
        unknown
            .head
            .contains("www-authenticate: bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn issued_token_is_active_until_its_end() {
    let server = sso().await;
    server.vendor().token_lifetime(Duration::from_secs(60));
    let form = "grant_type=client_credentials&scope=introspect";
    assert_eq!(post(&server, "/token", form).reply().await.status, 401);
    let issued = post(&server, "/token", form)
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await
        .json();
    assert_eq!(
        (&issued["token_type"], &issued["expires_in"]),
        (&json!("Bearer"), &json!(60))
    );
    let token = issued["access_token"].as_str().expect("text");
    let about = |subject: &str| {
        post(&server, "/introspect", &format!("token={subject}"))
            .bearer(token)
            .reply()
    };
    assert_eq!(about(ACTIVE).await.json()["active"], true);
    assert_eq!(about(token).await.json()["scope"], "introspect");
    assert_eq!(server.vendor().issued(), 1);
    server.vendor().expire_credentials();
    assert_eq!(about(ACTIVE).await.status, 401);
    let other = post(&server, "/token", "grant_type=password")
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await;
    assert_eq!(
        (other.status, other.json()),
        (400, json!({"error": "unsupported_grant_type"}))
    );
}

#[tokio::test]
async fn revoked_token_is_inactive() {
    let server = sso().await;
    for token in [ACTIVE, UNKNOWN] {
        let revocation =
            post(&server, "/revoke", &format!("token={token}")).basic(CLIENT_ID, CLIENT_SECRET);
        assert_eq!(revocation.reply().await.status, 200);
    }
    assert_eq!(
        introspect(&server, ACTIVE).await.json(),
        json!({"active": false})
    );
}

#[tokio::test]
async fn only_a_post_of_one_token_is_accepted() {
    let server = sso().await;
    let get = Wire::new(
        server.address(),
        "GET",
        &format!("/introspect?token={ACTIVE}"),
    );
    assert_eq!(
        get.basic(CLIENT_ID, CLIENT_SECRET).reply().await.status,
        405
    );
    for form in ["", "token=", "token=a&token=b"] {
        let request = post(&server, "/introspect", form).basic(CLIENT_ID, CLIENT_SECRET);
        assert_eq!(
            request.reply().await.json(),
            json!({"error": "invalid_request"}),
            "{form}"
        );
    }
    let json = Wire::new(server.address(), "POST", "/introspect").body("application/json", "{}");
    assert_eq!(
        json.basic(CLIENT_ID, CLIENT_SECRET).reply().await.status,
        400
    );
}

#[tokio::test]
async fn records_can_be_changed_while_running() {
    let server = sso().await;
    let token = jwt("https://other.example.com", "alice");
    server
        .vendor()
        .put(&token, json!({"active": true, "sub": "alice"}));
    assert_eq!(introspect(&server, &token).await.json()["sub"], "alice");
    server.vendor().put("a+b/c", json!({"active": "true"}));
    assert_eq!(
        introspect(&server, "a%2Bb%2Fc").await.json()["active"],
        "true"
    );
    server
        .vendor()
        .put_answer(ACTIVE, Answer::json(200, json!([])));
    assert_eq!(introspect(&server, ACTIVE).await.json(), json!([]));
    assert_eq!(
        server.vendor().record(REVOKED).expect("what it was")["active"],
        true
    );
    server.vendor().remove(STALE);
    assert_eq!(
        introspect(&server, STALE).await.json(),
        json!({"active": false})
    );
}
