//! The Passport simulator against the vendor's documentation.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use introspectd_simulators::passport::{
    ACCOUNT_ID, ACTIVE, ACTIVE_ACCESS_TOKEN, BEARER, BEARER_WITHOUT_SCOPE, CLIENT_ID,
    CLIENT_SECRET, EXPIRED, LIFETIME, Passport, READER, REVOKED, UNKNOWN,
};
use introspectd_simulators::{Answer, Simulator};
use serde_json::{Value, json};
use wire::{Reply, Wire};

const TOKENS: &str = "/v1/iam/oauth/tokens";

/// The documented sample.
const SAMPLE: &str = r#"{"token_id":"249a0a2e-028a-4e15-a841-de9fd4e4cd84","created_at":"2025-09-10T22:22:50.337Z",
"roles":["entity.client_credentials"],"expires_in":86400,"token_type":"Bearer"}"#;

/// Creation time of the sample, and half a millisecond.
fn documented() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_757_542_970, 337_500_000)
}

async fn passport() -> Simulator<Passport> {
    Simulator::start(Passport::new(documented()))
        .await
        .expect("loopback")
}

async fn get(server: &Simulator<Passport>, target: &str) -> Reply {
    Wire::new(server.address(), "GET", target)
        .bearer(BEARER)
        .reply()
        .await
}

async fn retrieve(server: &Simulator<Passport>, id: &str) -> Reply {
    get(server, &format!("{TOKENS}/{id}")).await
}

async fn create(server: &Simulator<Passport>, secret: &str) -> Reply {
    let body = json!({
        "client_id": CLIENT_ID,
        "client_secret": secret,
        "grant_type": "client_credentials",
    });
    Wire::new(server.address(), "POST", TOKENS)
        .body("application/json", &body.to_string())
        .reply()
        .await
}

async fn delete(server: &Simulator<Passport>, id: &str, body: &Value) -> u16 {
    let request = Wire::new(server.address(), "DELETE", &format!("{TOKENS}/{id}")).bearer(BEARER);
    request
        .body("application/json", &body.to_string())
        .reply()
        .await
        .status
}

#[tokio::test]
async fn documented_sample_is_served() {
    let server = passport().await;
    let reply = retrieve(&server, ACTIVE).await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("\r\ncontent-type: application/json"));
    let mut record = reply.json();
    let scopes = record["scopes"].take();
    let scopes = scopes.as_array().expect("an array");
    assert_eq!(scopes.len(), 38);
    assert!(scopes.contains(&json!("iam.mfa.*")));
    record.as_object_mut().expect("an object").remove("scopes");
    assert_eq!(
        record,
        serde_json::from_str::<Value>(SAMPLE).expect("the sample")
    );
}

#[tokio::test]
async fn sample_tokens_have_their_documented_states() {
    let server = passport().await;
    assert_eq!(
        retrieve(&server, READER).await.json()["scopes"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let expired = retrieve(&server, EXPIRED).await;
    assert_eq!(
        (expired.status, &expired.json()["expires_in"]),
        (200, &json!(LIFETIME.as_secs()))
    );
    assert_eq!(expired.json()["created_at"], "2025-09-09T21:22:50.337Z");
    assert_eq!(retrieve(&server, REVOKED).await.status, 404);
    assert_eq!(retrieve(&server, UNKNOWN).await.status, 404);
    for malformed in [
        "x",
        "249a0a2e028a4e15a841de9fd4e4cd84",
        "249a0a2e-028a-4e15-a841-de9fd4e4cd8g",
    ] {
        assert_eq!(
            retrieve(&server, malformed).await.status,
            400,
            "{malformed}"
        );
    }
}

#[tokio::test]
async fn credentials_are_checked() {
    let server = passport().await;
    let target = format!("{TOKENS}/{ACTIVE}");
    let request = || Wire::new(server.address(), "GET", &target);
    assert_eq!(request().reply().await.status, 401);
    assert_eq!(request().bearer("wrong").reply().await.status, 401);
    assert_eq!(
        request().bearer(BEARER_WITHOUT_SCOPE).reply().await.status,
        401
    );
    assert_eq!(
        request()
            .basic(CLIENT_ID, CLIENT_SECRET)
            .reply()
            .await
            .status,
        401
    );
    assert_eq!(
        request().bearer(ACTIVE_ACCESS_TOKEN).reply().await.status,
        200
    );
}

#[tokio::test]
async fn created_token_is_a_bearer_and_a_record() {
    let server = passport().await;
    assert_eq!(create(&server, "wrong").await.status, 401);
    server.vendor().token_lifetime(Duration::from_secs(90));
    let created = create(&server, CLIENT_SECRET).await;
    assert_eq!(created.status, 200);
    let created = created.json();
    let members: Vec<&String> = created.as_object().expect("an object").keys().collect();
    let expected = [
        "access_token",
        "account_id",
        "created_at",
        "expires_in",
        "roles",
        "scopes",
        "token_id",
        "token_type",
    ];
    assert_eq!(members, expected);
    assert_eq!(
        (&created["expires_in"], &created["account_id"]),
        (&json!(90), &json!(ACCOUNT_ID))
    );
    let (token, id) = (
        created["access_token"].as_str().expect("text"),
        created["token_id"].as_str().expect("text"),
    );
    let request = || Wire::new(server.address(), "GET", &format!("{TOKENS}/{id}")).bearer(token);
    let record = request().reply().await;
    assert_eq!(
        (record.status, &record.json()["token_id"]),
        (200, &json!(id))
    );
    assert_eq!(record.json().get("access_token"), None);
    assert_eq!(server.vendor().issued(), 1);
    server.vendor().expire_credentials();
    assert_eq!(request().reply().await.status, 401);
    assert_eq!(retrieve(&server, id).await.status, 200);
}

#[tokio::test]
async fn bearer_expires_with_its_lifetime() {
    let server = passport().await;
    server.vendor().token_lifetime(Duration::ZERO);
    let created = create(&server, CLIENT_SECRET).await.json();
    let token = created["access_token"].as_str().expect("text");
    let request = Wire::new(server.address(), "GET", &format!("{TOKENS}/{ACTIVE}")).bearer(token);
    assert_eq!(request.reply().await.status, 401);
}

#[tokio::test]
async fn creation_requires_json_and_the_one_grant() {
    let server = passport().await;
    let form = format!(
        "client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&grant_type=client_credentials"
    );
    let request = Wire::new(server.address(), "POST", TOKENS)
        .body("application/x-www-form-urlencoded", &form);
    assert_eq!(request.reply().await.status, 400);
    let body =
        json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "password"});
    let request =
        Wire::new(server.address(), "POST", TOKENS).body("application/json", &body.to_string());
    assert_eq!(request.reply().await.status, 400);
}

#[tokio::test]
async fn revocation_requires_the_id_twice() {
    let server = passport().await;
    assert_eq!(delete(&server, ACTIVE, &json!({})).await, 400);
    assert_eq!(
        delete(&server, ACTIVE, &json!({"token_id": READER})).await,
        400
    );
    assert_eq!(retrieve(&server, ACTIVE).await.status, 200);
    assert_eq!(
        delete(&server, ACTIVE, &json!({"token_id": ACTIVE})).await,
        200
    );
    assert_eq!(retrieve(&server, ACTIVE).await.status, 404);
    assert_eq!(
        delete(&server, ACTIVE, &json!({"token_id": ACTIVE})).await,
        409
    );
    assert_eq!(
        delete(&server, UNKNOWN, &json!({"token_id": UNKNOWN})).await,
        404
    );
    server.vendor().revocation_status(204);
    assert_eq!(
        delete(&server, READER, &json!({"token_id": READER})).await,
        204
    );
}

#[tokio::test]
async fn empty_id_lists_and_dots_are_resolved() {
    let server = passport().await;
    for target in [
        TOKENS.to_owned(),
        format!("{TOKENS}/"),
        format!("{TOKENS}/."),
        format!("{TOKENS}/x/.."),
    ] {
        let reply = get(&server, &target).await;
        assert_eq!(
            (reply.status, reply.json()["tokens"].is_array()),
            (200, true),
            "{target}"
        );
    }
    for climb in ["../../users", "..%2F..%2fusers", "%2e%2e/%2e%2e/users"] {
        let reply = get(&server, &format!("{TOKENS}/{climb}/{UNKNOWN}")).await;
        assert_eq!(
            (reply.status, &reply.json()["user_id"]),
            (200, &json!(UNKNOWN)),
            "{climb}"
        );
    }
}

#[tokio::test]
async fn list_has_pages_order_and_filters() {
    let server = passport().await;
    let page = get(
        &server,
        &format!("{TOKENS}?page_params.page_size=2&page_params.page_number=2"),
    )
    .await
    .json();
    assert_eq!(page["tokens"].as_array().map(Vec::len), Some(1));
    let info = &page["pagination_info"];
    assert_eq!(info["total_elements"], 3);
    assert_eq!(
        (&info["total_pages"], &info["current_page"]),
        (&json!(2), &json!(2))
    );
    let beyond = get(&server, &format!("{TOKENS}?page_params.page_number=9"))
        .await
        .json();
    assert_eq!(beyond["tokens"], json!([]));
    let first = |direction: &str| format!("{TOKENS}?order_params.order_direction={direction}");
    assert_eq!(
        get(&server, &first("ASC")).await.json()["tokens"][0]["token_id"],
        EXPIRED
    );
    assert_ne!(
        get(&server, &first("DESC")).await.json()["tokens"][0]["token_id"],
        EXPIRED
    );
    let snapshot = |nanos: u32| {
        let timestamp = "page_params.first_request_timestamp";
        format!("{timestamp}.nanos={nanos}&{timestamp}.seconds=1757542970")
    };
    for (query, found) in [
        ("role=entity.client_credentials".to_owned(), 3),
        ("role=nobody".to_owned(), 0),
        (format!("account_id={ACCOUNT_ID}"), 3),
        ("user_id=someone".to_owned(), 0),
        ("grant_flow=GRANT_FLOW_LOGIN".to_owned(), 0),
        (
            "page_params.first_request_timestamp.seconds=1757540000".to_owned(),
            1,
        ),
        (snapshot(336_999_999), 1),
        (snapshot(337_000_000), 3),
    ] {
        let list = get(&server, &format!("{TOKENS}?{query}")).await.json();
        assert_eq!(
            list["tokens"].as_array().map(Vec::len),
            Some(found),
            "{query}"
        );
    }
    for wrong in [
        "page_params.page_size=0",
        "page_params.page_number=x",
        "grant_flow=OTHER",
        "token_id=x",
    ] {
        assert_eq!(
            get(&server, &format!("{TOKENS}?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn refusals_have_the_documented_languages() {
    let server = passport().await;
    let target = format!("{TOKENS}/{UNKNOWN}");
    let request = || Wire::new(server.address(), "GET", &target).bearer(BEARER);
    let english = request()
        .header("accept-language", "fr")
        .reply()
        .await
        .json();
    assert_eq!(english["message"], "Token ID not found in the IAM system");
    assert_eq!(english["http_code"], 404);
    let spanish = request()
        .header("accept-language", "es-CO")
        .reply()
        .await
        .json();
    assert_eq!(
        spanish["message"],
        "El token_id no se encontró en el sistema IAM."
    );
}

#[tokio::test]
async fn records_can_be_changed_while_running() {
    let server = passport().await;
    let mut record = server.vendor().record(ACTIVE).expect("the sample");
    record["expires_in"] = json!("86400");
    server.vendor().put(ACTIVE, record);
    assert_eq!(
        retrieve(&server, ACTIVE).await.json()["expires_in"],
        "86400"
    );
    server.vendor().put_answer(ACTIVE, Answer::html(404));
    assert!(retrieve(&server, ACTIVE).await.head.contains("text/html"));
    server.vendor().remove(READER);
    assert_eq!(retrieve(&server, READER).await.status, 404);
    server
        .vendor()
        .put("not/a uuid", json!({"token_id": "not/a uuid"}));
    assert_eq!(
        retrieve(&server, "not%2Fa%20uuid").await.json()["token_id"],
        "not/a uuid"
    );
}
