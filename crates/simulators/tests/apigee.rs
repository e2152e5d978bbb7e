//! The Apigee simulator against the vendor's documentation.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use introspectd_simulators::Simulator;
use introspectd_simulators::apigee::{
    self, ACTIVE, APP_ID, ATTRIBUTES, Apigee, BEARER, CONSUMER_SECRET, EXPIRED, NEVER_EXPIRES,
    ORGANIZATION, OTHER_NOT_FOUND_CODE, PASSWORD, REVOKED, STATUS_EXPIRED, UNKNOWN, USERNAME,
};
use serde_json::{Value, json};
use wire::{Reply, Wire};

/// The documented sample.
const SAMPLE: &str = r#"{"app":"app1","attributes":[],"clientId":"fGytmxA5UDajPMdOA5E3bebiBOBPikOT",
"createdAt":1343036540877,"createdBy":"defaultUser","expiresAt":1343038340877,"grantType":"password",
"issuedAt":1343036540877,"lastModifiedAt":1343036540877,"lastModifiedBy":"defaultUser","refreshCount":0,
"refreshToken":"Nn5Pt2eO","scope":"","status":"approved","token":"25poPXCPOw43s0hJBn6tQYnUb5KF",
"tokenType":"BearerToken"}"#;

fn documented() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_343_036_540_877)
}

async fn apigee() -> Simulator<Apigee> {
    Simulator::start(Apigee::new(documented()))
        .await
        .expect("loopback")
}

fn request(server: &Simulator<Apigee>, method: &str, below: &str) -> Wire {
    let target = format!("/v1/o/{ORGANIZATION}{below}");
    Wire::new(server.address(), method, &target).basic(USERNAME, PASSWORD)
}

async fn details(server: &Simulator<Apigee>, token: &str) -> Reply {
    request(server, "GET", &format!("/oauth2/accesstokens/{token}"))
        .reply()
        .await
}

#[tokio::test]
async fn documented_sample_is_served_under_both_organization_paths() {
    let server = apigee().await;
    let sample: Value = serde_json::from_str(SAMPLE).expect("the sample");
    let reply = details(&server, ACTIVE).await;
    assert_eq!((reply.status, reply.json()), (200, sample.clone()));
    let long = format!("/v1/organizations/{ORGANIZATION}/oauth2/accesstokens/{ACTIVE}");
    let long = Wire::new(server.address(), "GET", &long)
        .basic(USERNAME, PASSWORD)
        .reply()
        .await;
    assert_eq!(long.json(), sample);
}

#[tokio::test]
async fn sample_tokens_have_their_documented_states() {
    let server = apigee().await;
    for token in [
        ACTIVE,
        EXPIRED,
        STATUS_EXPIRED,
        REVOKED,
        ATTRIBUTES,
        NEVER_EXPIRES,
        UNKNOWN,
    ] {
        assert!(
            token.len() == 28 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{token}"
        );
    }
    let expired = details(&server, EXPIRED).await.json();
    assert_eq!(expired["status"], "approved");
    assert_eq!(expired["expiresAt"], json!(1_343_036_540_877_u64 - 600_000));
    assert_eq!(
        details(&server, STATUS_EXPIRED).await.json()["status"],
        "expired"
    );
    assert_eq!(details(&server, REVOKED).await.json()["status"], "revoked");
    assert_eq!(
        details(&server, NEVER_EXPIRES).await.json()["expiresAt"],
        -1
    );
    let attributes = details(&server, ATTRIBUTES).await.json();
    assert_eq!(
        (&attributes["scope"], &attributes["appId"]),
        (&json!("read,write admin"), &json!(APP_ID))
    );
    assert_eq!(
        attributes["attributes"][1],
        json!({"name": "status", "value": "revoked"})
    );
}

#[tokio::test]
async fn unknown_token_is_404_with_the_documented_body() {
    let server = apigee().await;
    let reply = details(&server, UNKNOWN).await;
    assert_eq!(reply.status, 404);
    let code = "keymanagement.service.AccessTokenDoesntExists";
    let documented = json!({"code": code, "message": "Access Token doesnt exists", "contexts": []});
    assert_eq!(reply.json(), documented);
    server
        .vendor()
        .put_answer(UNKNOWN, apigee::not_found(OTHER_NOT_FOUND_CODE));
    assert_eq!(
        details(&server, UNKNOWN).await.json()["code"],
        OTHER_NOT_FOUND_CODE
    );
}

#[tokio::test]
async fn credentials_are_checked() {
    let server = apigee().await;
    let target = format!("/v1/o/{ORGANIZATION}/oauth2/accesstokens/{ACTIVE}");
    let request = || Wire::new(server.address(), "GET", &target);
    for refused in [
        request(),
        request().basic(USERNAME, "wrong"),
        request().bearer("wrong"),
    ] {
        let reply = refused.reply().await;
        assert_eq!((reply.status, reply.body.len()), (401, 0));
    }
    assert_eq!(request().bearer(BEARER).reply().await.status, 200);
}

#[tokio::test]
async fn another_organization_is_404_with_html() {
    let server = apigee().await;
    let target = format!("/v1/o/other/oauth2/accesstokens/{ACTIVE}");
    let reply = Wire::new(server.address(), "GET", &target)
        .basic(USERNAME, PASSWORD)
        .reply()
        .await;
    assert_eq!(reply.status, 404);
    assert!(reply.head.contains("text/html"));
}

#[tokio::test]
async fn missing_token_counts_all_tokens() {
    let server = apigee().await;
    for empty in ["", "/", "/.", "/x/.."] {
        let reply = request(&server, "GET", &format!("/oauth2/accesstokens{empty}"))
            .reply()
            .await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({"count": 6})),
            "{empty}"
        );
    }
}

#[tokio::test]
async fn dots_in_a_token_reach_live_tokens_and_secrets() {
    let server = apigee().await;
    for climb in [
        "../search",
        "..%2Fsearch",
        "%2e%2e/search",
        "x/../../search",
    ] {
        let list = details(&server, &format!("{climb}?app={APP_ID}"))
            .await
            .json();
        assert_eq!(
            list["list"],
            json!([ACTIVE, ATTRIBUTES, NEVER_EXPIRES]),
            "{climb}"
        );
    }
    for climb in [
        format!("../../apps/{APP_ID}"),
        "../../developers/joe/apps/app1".to_owned(),
    ] {
        let app = details(&server, &climb).await.json();
        assert_eq!(app["credentials"][0]["consumerSecret"], CONSUMER_SECRET);
    }
}

#[tokio::test]
async fn search_is_paged() {
    let server = apigee().await;
    let first = request(
        &server,
        "GET",
        &format!("/oauth2/search?app={APP_ID}&limit=2"),
    )
    .reply()
    .await
    .json();
    assert_eq!(first["list"].as_array().map(Vec::len), Some(2));
    assert_eq!(first["meta"]["totalResults"], 3);
    let next = first["meta"]["next"].as_str().expect("more to come");
    let rest = request(
        &server,
        "GET",
        &format!("/oauth2/search?app={APP_ID}&start={next}"),
    )
    .reply()
    .await
    .json();
    assert_eq!(rest["list"], json!([next]));
    assert_eq!(rest["meta"].get("next"), None);
    assert_eq!(
        request(&server, "GET", "/oauth2/search")
            .reply()
            .await
            .status,
        400
    );
    let capped = request(&server, "GET", "/oauth2/search?enduser=joe&limit=5000")
        .reply()
        .await
        .json();
    assert_eq!(
        (&capped["list"], &capped["meta"]["limit"]),
        (&json!([]), &json!(100))
    );
    let unknown = request(&server, "GET", "/oauth2/search?app=ae053aee")
        .reply()
        .await;
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (404, &json!("keymanagement.service.app_id_not_found"))
    );
}

#[tokio::test]
async fn token_can_be_revoked_and_approved_again() {
    let server = apigee().await;
    let post = |query: &str| {
        request(
            &server,
            "POST",
            &format!("/oauth2/accesstokens/{ACTIVE}?{query}"),
        )
    };
    assert_eq!(post("action=revoke&cascade=true").reply().await.status, 204);
    assert_eq!(details(&server, ACTIVE).await.json()["status"], "revoked");
    assert_eq!(post("action=approve").reply().await.status, 204);
    assert_eq!(details(&server, ACTIVE).await.json()["status"], "approved");
    assert_eq!(post("action=other").reply().await.status, 400);
    let update = post("")
        .body("application/json", r#"{"scope":"one","status":"revoked"}"#)
        .reply()
        .await
        .json();
    assert_eq!(
        (&update["scope"], &update["status"]),
        (&json!("one"), &json!("approved"))
    );
    let unknown = request(
        &server,
        "POST",
        &format!("/oauth2/accesstokens/{UNKNOWN}?action=approve"),
    );
    assert_eq!(unknown.reply().await.status, 404);
}

#[tokio::test]
async fn deleting_answers_the_record_as_it_was() {
    let server = apigee().await;
    let deleted = request(&server, "DELETE", &format!("/oauth2/accesstokens/{ACTIVE}"))
        .reply()
        .await
        .json();
    assert_eq!(
        (&deleted["status"], &deleted["refreshToken"]),
        (&json!("approved"), &json!("Nn5Pt2eO"))
    );
    assert_eq!(details(&server, ACTIVE).await.status, 404);
}

#[tokio::test]
async fn tokens_of_an_app_are_revoked_together() {
    let server = apigee().await;
    let reply = request(&server, "POST", &format!("/oauth2/revoke?app={APP_ID}"))
        .reply()
        .await;
    assert_eq!(reply.status, 202);
    assert_eq!(
        details(&server, ATTRIBUTES).await.json()["status"],
        "revoked"
    );
}

#[tokio::test]
async fn xml_is_sent_only_if_json_is_not_accepted() {
    let server = apigee().await;
    let accepting = |accept: &str, token: &str| {
        request(&server, "GET", &format!("/oauth2/accesstokens/{token}"))
            .header("accept", accept)
            .reply()
    };
    let unknown = accepting("application/xml", UNKNOWN).await;
    assert!(unknown.head.contains("application/xml"));
    let body = String::from_utf8_lossy(&unknown.body).into_owned();
    assert!(
        body.starts_with("<Error><Code>keymanagement.service.AccessTokenDoesntExists</Code>"),
        "{body}"
    );
    let record = accepting("application/xml", ACTIVE).await;
    assert!(String::from_utf8_lossy(&record.body).contains("<Status>approved</Status>"));
    assert_eq!(
        accepting("application/json, application/xml", ACTIVE)
            .await
            .json()["status"],
        "approved"
    );
}

#[tokio::test]
async fn records_can_be_changed_while_running() {
    let server = apigee().await;
    let mut record = server.vendor().record(ACTIVE).expect("the sample");
    record["token"] = json!("a hash");
    server.vendor().put(ACTIVE, record);
    assert_eq!(details(&server, ACTIVE).await.json()["token"], "a hash");
    server.vendor().revoke(ATTRIBUTES);
    assert_eq!(
        details(&server, ATTRIBUTES).await.json()["status"],
        "revoked"
    );
    server.vendor().remove(EXPIRED);
    assert_eq!(details(&server, EXPIRED).await.status, 404);
    server.vendor().put("a/../b", json!({"token": "a/../b"}));
    assert_eq!(
        details(&server, "a%2F..%2Fb").await.json()["token"],
        "a/../b"
    );
}
