//! The TIBCO simulator against the vendor's documentation.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use introspectd_simulators::tibco_asg::{
    ACTIVE, CLIENT_ID, CLIENT_SECRET, EXPIRED, INACTIVE, LONG_LIST_SECRET, OWNER, OWNER_DN,
    REFRESH_TOKEN, REVOKED, RFC_SHAPE, SCOPE_STRING, TibcoAsg, UNKNOWN, long_list,
};
use introspectd_simulators::{Answer, Fault, Simulator};
use serde_json::{Value, json};
use wire::{Reply, Wire};

const TOKENS: &str = "/asg/oauth2/access_token";

/// The documented sample.
const SAMPLE: &str = r#"{"id":"5d34e914ad73b262dbf88a963dbccb41",
"accessToken":"T1amGT21.Idup.3446d8984b48a7c0c531267317334ea7",
"refreshToken":"T1amGR21.IdKM.8a7420fe5079ab1b3bd24b4de1d5fe2","secret":"619307e5-8e20-4997-9045-c083c123e04f",
"owner":"251-20c8104e-e91a-4384-980c-84545aced892","client":"251-20c8104e-e91a-4384-980c-84545aced892",
"classification":"reviews","scopes":["reviews"],"status":"Active","key":0,"createdOn":1409942780365,
"expiresOn":1409946380427,"grantType":"client_credentials","samlToken":null,
"stringId":"5d34e914ad73b262dbf88a963dbccb41"}"#;

fn documented() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_409_942_780_365)
}

async fn tibco() -> Simulator<TibcoAsg> {
    Simulator::start(TibcoAsg::new(documented()))
        .await
        .expect("loopback")
}

fn request(server: &Simulator<TibcoAsg>, method: &str, token: &str) -> Wire {
    Wire::new(server.address(), method, &format!("{TOKENS}/{token}"))
}

async fn validate(server: &Simulator<TibcoAsg>, token: &str) -> Reply {
    request(server, "GET", token).reply().await
}

async fn listed(server: &Simulator<TibcoAsg>, token: &str) -> Reply {
    request(server, "GET", token)
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await
}

#[tokio::test]
async fn documented_sample_is_served_without_credentials() {
    let server = tibco().await;
    let reply = validate(&server, ACTIVE).await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .head
            .contains("\r\ncontent-type: application/json;charset=utf-8")
    );
    assert!(reply.head.contains("\r\ncache-control: no-store"));
    assert_eq!(
        reply.json(),
        serde_json::from_str::<Value>(SAMPLE).expect("the sample")
    );
    let query = Wire::new(
        server.address(),
        "GET",
        &format!("{TOKENS}?access_token={ACTIVE}"),
    )
    .reply()
    .await;
    assert_eq!(query.json(), reply.json());
}

#[tokio::test]
async fn sample_tokens_have_their_documented_states() {
    let server = tibco().await;
    let expired = validate(&server, EXPIRED).await.json();
    assert_eq!(expired["status"], "Active");
    assert_eq!(expired["expiresOn"], json!(1_409_942_780_365_u64 - 600_000));
    assert_eq!(
        validate(&server, INACTIVE).await.json()["status"],
        "Inactive"
    );
    assert_eq!(
        validate(&server, SCOPE_STRING).await.json()["scopes"],
        "reviews public"
    );
    assert_eq!(
        validate(&server, RFC_SHAPE).await.json()["access_token"],
        RFC_SHAPE
    );
    for nothing in [
        REVOKED,
        UNKNOWN,
        REFRESH_TOKEN,
        "5d34e914ad73b262dbf88a963dbccb41",
    ] {
        let reply = validate(&server, nothing).await;
        assert_eq!(
            (reply.status, reply.json()),
            (400, json!({"error": "invalid_grant"})),
            "{nothing}"
        );
    }
    assert_eq!(
        validate(&server, "").await.json(),
        json!({"error": "invalid_request"})
    );
}

#[tokio::test]
async fn every_spelling_of_owners_lists_all_tokens() {
    let server = tibco().await;
    let disguises = [
        "owners",
        "OWNERS",
        "%6fwners",
        "owners;x",
        "owners;jsessionid=1",
        "owners/",
        "./owners",
        "x/../owners",
        "x%2F..%2Fowners",
        "owners.",
        "owners%20",
        "owners?x",
    ];
    for disguise in disguises {
        let reply = listed(&server, disguise).await;
        let tokens = reply.json();
        let tokens = tokens.as_array().expect("an array");
        assert!(
            tokens.iter().any(|token| token["accessToken"] == ACTIVE),
            "{disguise}"
        );
        assert!(
            tokens
                .iter()
                .all(|token| token["refreshToken"].is_string() && token["scopes"].is_string())
        );
        let anonymous = validate(&server, disguise).await;
        assert_eq!(anonymous.status, 401, "{disguise}");
        assert!(anonymous.head.contains("\r\nwww-authenticate: basic"));
    }
}

#[tokio::test]
async fn owner_in_place_of_the_token_lists_its_tokens() {
    let server = tibco().await;
    let johns = "uid%3Djohn,ou=owner,dc=tibco,dc=com";
    for target in [
        johns.to_owned(),
        format!("owners/{johns}"),
        format!("owners%2F{johns}"),
    ] {
        let tokens = listed(&server, &target).await.json();
        assert_eq!(tokens.as_array().map(Vec::len), Some(1), "{target}");
        assert_eq!(
            (&tokens[0]["owner"], &tokens[0]["accessToken"]),
            (&json!(OWNER_DN), &json!(SCOPE_STRING))
        );
    }
    assert!(
        listed(&server, OWNER)
            .await
            .json()
            .as_array()
            .is_some_and(|tokens| tokens.len() > 1)
    );
    assert_eq!(validate(&server, OWNER).await.status, 401);
}

#[tokio::test]
async fn long_list_has_the_members_of_a_list_and_secrets() {
    let server = tibco().await;
    server.next(Fault::Pieces(long_list(100_000)));
    let reply = request(&server, "GET", "owners").http10().reply().await;
    assert!(reply.body.len() > 100_000);
    let tokens = reply.json();
    let documented = listed(&server, "owners").await.json();
    let members = documented[0].as_object().expect("a record").keys();
    let mut times = Vec::new();
    for token in tokens.as_array().expect("an array") {
        assert!(
            members
                .clone()
                .all(|member| token[member].is_string() || token[member].is_i64())
        );
        for secret in ["accessToken", "refreshToken", "secret", "samlToken"] {
            assert!(
                token[secret]
                    .as_str()
                    .is_some_and(|text| text.contains(LONG_LIST_SECRET))
            );
        }
        times.push(token["createdOn"].as_i64());
    }
    assert!(!times.is_sorted());
    times.sort_unstable();
    assert!(
        times
            .array_windows()
            .all(|[earlier, later]| earlier < later)
    );
}

#[tokio::test]
async fn parameters_do_not_hide_a_token() {
    let server = tibco().await;
    assert_eq!(
        validate(&server, &format!("{ACTIVE};x=1")).await.json()["accessToken"],
        ACTIVE
    );
}

#[tokio::test]
async fn revoking_answers_the_record_as_it_was() {
    let server = tibco().await;
    assert_eq!(request(&server, "DELETE", ACTIVE).reply().await.status, 401);
    let revoked = request(&server, "DELETE", ACTIVE)
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await;
    assert_eq!(
        (revoked.status, &revoked.json()["status"]),
        (200, &json!("Active"))
    );
    assert_eq!(validate(&server, ACTIVE).await.status, 400);
    let again = request(&server, "DELETE", ACTIVE)
        .basic(CLIENT_ID, CLIENT_SECRET)
        .reply()
        .await;
    assert_eq!(again.json(), json!({"error": "invalid_grant"}));
}

#[tokio::test]
async fn created_and_refreshed_tokens_are_valid() {
    let server = tibco().await;
    let create = |parameters: String| {
        let target =
            format!("{TOKENS}?client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&{parameters}");
        Wire::new(server.address(), "POST", &target).reply()
    };
    let created = create("grant_type=client".to_owned()).await.json();
    assert_eq!(
        (&created["expires_in"], &created["token_type"]),
        (&json!(3600), &json!("Bearer"))
    );
    let token = created["access_token"].as_str().expect("text");
    assert_eq!(validate(&server, token).await.json()["client"], CLIENT_ID);
    let refresh = created["refresh_token"].as_str().expect("text");
    let refreshed = create(format!("grant_type=refresh_token&refresh_token={refresh}"))
        .await
        .json();
    assert_ne!(refreshed["access_token"], token);
    assert_eq!(
        create("grant_type=refresh_token&refresh_token=x".to_owned())
            .await
            .status,
        400
    );
    assert_eq!(
        create("grant_type=client_credentials".to_owned())
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn records_can_be_changed_while_running() {
    let server = tibco().await;
    let mut record = server.vendor().record(ACTIVE).expect("the sample");
    record["expiresOn"] = Value::Null;
    server.vendor().put(ACTIVE, record);
    assert_eq!(
        validate(&server, ACTIVE).await.json()["expiresOn"],
        Value::Null
    );
    server
        .vendor()
        .put_answer(UNKNOWN, Answer::json(200, Value::Null));
    assert_eq!(validate(&server, UNKNOWN).await.json(), Value::Null);
    server
        .vendor()
        .put("a/b;c", json!({"accessToken": "a/b;c"}));
    assert_eq!(
        validate(&server, "a%2Fb%3Bc").await.json()["accessToken"],
        "a/b;c"
    );
    server.vendor().revoke(ACTIVE);
    assert_eq!(validate(&server, ACTIVE).await.status, 400);
    server.vendor().remove(INACTIVE);
    assert_eq!(validate(&server, INACTIVE).await.status, 400);
}
