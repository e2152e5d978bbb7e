//! Passport knows no token by its value: what a trusted caller binds, or has issued, is looked up
//! by its id.

use std::sync::Arc;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::passport::{
    self, ACTIVE, ACTIVE_ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET,
};
use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{
    EDGE_SECRET, Fixture, NOW, OPS_SECRET, Passport, Reply, Room, TibcoAsg, basic,
};
use serde_json::{Value, json};

const TRUSTED: &str = r#"
[callers.trusted]
secret      = { literal = "trusted-secret-7a30c1" }
permissions = ["bind", "issue", "revoke", "lookup"]
"#;

const PATIENT: &str = "timeout = \"60s\"";
const BINDINGS: &str = "bindings";
const TOKENS: &str = "tokens";

async fn room() -> Room<Passport> {
    Room::open_with(PATIENT, TRUSTED).await
}

async fn room_without_cache() -> Room<Passport> {
    Room::open_with(
        PATIENT,
        &format!("{TRUSTED}\n[cache]\nttl = \"0s\"\ninactive_ttl = \"0s\""),
    )
    .await
}

async fn send<V: Fixture>(
    room: &Room<V>,
    method: &str,
    at: &str,
    authorization: &str,
    body: &str,
) -> Reply {
    let address = format!(
        "http://{}/v1/providers/{}/{at}",
        room.gateway.api(),
        V::PROVIDER
    );
    let request = Request::builder()
        .method(method)
        .uri(address)
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_TYPE, "application/json");
    room.gateway
        .send(request.body(Full::from(body.to_owned())).unwrap())
        .await
}

fn trusted() -> String {
    basic("trusted", "trusted-secret-7a30c1")
}

async fn bind<V: Fixture>(room: &Room<V>, token: &str, id: &str) -> Reply {
    let body = json!({"token": token, "token_id": id}).to_string();
    send(room, "PUT", BINDINGS, &trusted(), &body).await
}

async fn issue<V: Fixture>(room: &Room<V>, request: &Value) -> Reply {
    send(room, "POST", TOKENS, &trusted(), &request.to_string()).await
}

fn request() -> Value {
    json!({
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "grant_type": "client_credentials",
    })
}

#[track_caller]
fn assert_bound(reply: &Reply) {
    assert_eq!(
        (reply.status, &reply.body[..]),
        (204, &b""[..]),
        "{reply:?}"
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

async fn revoke(room: &Room<Passport>, token: &str) -> Reply {
    let request = Request::post(format!("http://{}/revoke", room.gateway.api()))
        .header(AUTHORIZATION, trusted())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    room.gateway
        .send(request.body(Full::from(format!("token={token}"))).unwrap())
        .await
}

async fn ask(room: &Room<Passport>, token: &str) -> Reply {
    room.gateway.post_introspect(&[("token", token)]).await
}

#[tokio::test]
async fn bound_token_is_active_at_once() {
    let room = room().await;
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    assert_eq!(room.sent(), []);
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "hit");
    assert_eq!(
        room.sent(),
        [Passport::question(ACTIVE), Passport::question(ACTIVE)]
    );
}

#[tokio::test]
async fn binding_expires_with_its_token() {
    let room = room_without_cache().await;
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    room.gateway.clock().set(NOW + 86_399);
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
    room.sent();
    room.gateway.clock().set(NOW + 86_400);
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    assert_eq!(
        room.sent(),
        [],
        "nobody is asked about what cannot be active"
    );
}

#[tokio::test]
async fn bound_token_has_the_members_of_its_record() {
    let room = room_without_cache().await;
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    room.server.next(Fault::Answer(Answer::html(500)));
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_problem(502, "upstream_error", None);
    room.server.vendor().revoke(ACTIVE);
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
}

#[tokio::test]
async fn token_repeated_in_its_record_is_not_shown() {
    let room = room().await;
    let mut record = Passport::record();
    record["roles"] = json!(["clerk", ACTIVE_ACCESS_TOKEN]);
    record["scopes"] = json!(["read", ACTIVE_ACCESS_TOKEN]);
    room.server.vendor().put(ACTIVE, record);
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    let reply = ask(&room, ACTIVE_ACCESS_TOKEN).await;
    assert_eq!(
        (&reply.json()["roles"], &reply.json()["scope"]),
        (&json!(["clerk"]), &json!("read"))
    );
}

#[tokio::test]
async fn binding_requires_an_active_record() {
    let room = room_without_cache().await;
    for id in [passport::UNKNOWN, passport::REVOKED, passport::EXPIRED] {
        bind(&room, ACTIVE_ACCESS_TOKEN, id)
            .await
            .assert_problem(404, "not_found", None);
    }
    assert_eq!(room.sent().len(), 3);
    // What has not the form of an id may be a token, and is sent nowhere.
    for id in [
        passport::BEARER,
        "..",
        "owners",
        "249a0a2e",
        "249a0a2e-028a-4e15-a841-de9fd4e4cd84/",
    ] {
        bind(&room, ACTIVE_ACCESS_TOKEN, id)
            .await
            .assert_problem(404, "not_found", None);
    }
    bind(&room, ACTIVE, ACTIVE)
        .await
        .assert_problem(400, "invalid_request", None);
    bind(&room, &ACTIVE.to_uppercase(), ACTIVE)
        .await
        .assert_problem(400, "invalid_request", None);
    assert_eq!(room.sent(), []);
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    ask(&room, ACTIVE).await.assert_inactive();
    ask(&room, &ACTIVE.to_uppercase()).await.assert_inactive();
}

#[tokio::test]
async fn record_without_an_answer_is_not_bound() {
    let room = room_without_cache().await;
    room.server.next(Fault::Answer(Answer::html(500)));
    bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE)
        .await
        .assert_problem(502, "upstream_error", None);
    room.server.next(Fault::Answer(Answer::empty(503)));
    bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE)
        .await
        .assert_problem(503, "temporarily_unavailable", Some("1"));
    room.sent();
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn bind_body_contains_exactly_token_and_id() {
    let room = room().await;
    for body in [
        "",
        "null",
        "{}",
        "[\"t\",\"i\"]",
        "{\"token\":\"t\"}",
        "{\"token_id\":\"i\"}",
        "{\"token\":\"t\",\"token_id\":5}",
        "{\"token\":\"\",\"token_id\":\"i\"}",
        "{\"token\":\"t\",\"token_id\":\"\"}",
        "{\"token\":\"t\",\"token_id\":\"i\",\"end\":1}",
        "{\"token\":\"t\",\"token\":\"u\",\"token_id\":\"i\"}",
        "{\"token\":\"t\",\"token_id\":\"i\"} x",
    ] {
        let reply = send(&room, "PUT", BINDINGS, &trusted(), body).await;
        reply.assert_problem(400, "invalid_request", None);
    }
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(
            send(&room, method, BINDINGS, &trusted(), "{}")
                .await
                .header("allow"),
            Some("PUT")
        );
    }
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn binding_and_issuing_require_the_permission() {
    let narrow = "[callers.narrow]\nsecret = { literal = \"narrow-secret-55\" }\nproviders = []\n\
                  permissions = [\"bind\", \"issue\"]";
    let room = Room::<Passport>::open_with(PATIENT, narrow).await;
    let pair = json!({"token": ACTIVE_ACCESS_TOKEN, "token_id": ACTIVE}).to_string();
    for (method, at, body) in [
        ("PUT", BINDINGS, pair),
        ("POST", TOKENS, request().to_string()),
    ] {
        let edge = send(&room, method, at, &basic("edge", EDGE_SECRET), &body).await;
        edge.assert_problem(403, "access_denied", None);
        let nobody = send(&room, method, at, &basic("edge", "wrong"), &body).await;
        nobody.assert_problem(401, "invalid_client", None);
        let blind = send(
            &room,
            method,
            at,
            &basic("narrow", "narrow-secret-55"),
            &body,
        )
        .await;
        blind.assert_problem(404, "not_found", None);
    }
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn token_holder_cannot_bind_its_token() {
    let room = room().await;
    let forged = [
        ("token", ACTIVE_ACCESS_TOKEN),
        ("token_id", ACTIVE),
        ("provider", "bank"),
    ];
    room.gateway
        .post_introspect(&forged)
        .await
        .assert_inactive();
    assert_eq!(room.sent(), []);
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, passport::READER).await);
    let reply = room.gateway.post_introspect(&forged).await;
    assert_eq!(reply.json()["jti"], passport::READER);
}

#[tokio::test]
async fn id_of_a_bound_token_is_not_a_credential() {
    let room = room().await;
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
    room.sent();
    ask(&room, ACTIVE).await.assert_inactive();
    for (token, status) in [(ACTIVE, 401), (ACTIVE_ACCESS_TOKEN, 200)] {
        let request = Request::get(format!(
            "http://{}/forward-auth/default",
            room.gateway.api()
        ))
        .header("x-introspectd-caller", basic("edge", EDGE_SECRET))
        .header(AUTHORIZATION, format!("Bearer {token}"));
        let reply = room
            .gateway
            .send(request.body(Full::default()).unwrap())
            .await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn token_issued_through_introspectd_is_active_at_once() {
    let room = room().await;
    let reply = issue(&room, &request()).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let issued = reply.json();
    let sent = room.sent();
    assert_eq!(issued["token_type"], "Bearer", "the answer is the vendor's");
    let [sent] = &sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!(
        (sent.method, &*sent.target, &sent.authorization),
        ("POST", "/v1/iam/oauth/tokens", &None)
    );
    assert_eq!(
        (&*sent.body, sent.content_type.as_deref()),
        (&*request().to_string(), Some("application/json"))
    );
    let active = ask(&room, issued["access_token"].as_str().unwrap()).await;
    assert_eq!(
        (&active.json()["active"], &active.json()["jti"]),
        (&json!(true), &issued["token_id"])
    );
}

/// A vendor may hand out again what it issued before.
#[tokio::test]
async fn token_introspected_before_its_issue_is_active_at_once() {
    let room = room().await;
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    let mut created = Passport::record();
    created["access_token"] = json!(ACTIVE_ACCESS_TOKEN);
    room.server.next(Fault::Answer(Answer::json(200, created)));
    assert_eq!(issue(&room, &request()).await.status, 200);
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
}

#[tokio::test]
async fn refusal_of_the_callers_credentials_is_relayed() {
    let room = room().await;
    let mut wrong = request();
    wrong["client_secret"] = json!("x");
    let refused = issue(&room, &wrong);
    assert_eq!(refused.await.json()["code"], "UNAUTHORIZED");
    let refused = issue(&room, &json!({})).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("BAD_REQUEST"))
    );
    room.server.next(Fault::Answer(Answer::html(403)));
    let refused = issue(&room, &request()).await;
    assert_eq!(
        (refused.status, refused.header("cache-control")),
        (403, Some("no-store"))
    );
    assert!(
        refused
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn response_without_a_valid_issued_token_is_a_failure() {
    let room = room().await;
    for (answer, status, error) in [
        (Answer::html(200), 502, "upstream_error"),
        (Answer::json(200, json!([])), 502, "upstream_error"),
        (
            Answer::json(200, json!({"access_token": "a-secret-token"})),
            502,
            "upstream_error",
        ),
        (Answer::json(404, json!({})), 502, "upstream_error"),
        (Answer::empty(302), 502, "upstream_error"),
        (Answer::empty(500), 502, "upstream_error"),
        (Answer::empty(429), 503, "temporarily_unavailable"),
        (Answer::empty(503), 503, "temporarily_unavailable"),
    ] {
        room.server.next(Fault::Answer(answer));
        let reply = issue(&room, &request()).await;
        reply.assert_problem(status, error, (status == 503).then_some("1"));
        assert!(!reply.everything().contains("a-secret-token"));
    }
    for body in ["", "[]", "null", "{", "{} x", "client_id=a"] {
        let reply = send(&room, "POST", TOKENS, &trusted(), body).await;
        reply.assert_problem(400, "invalid_request", None);
    }
}

#[tokio::test]
async fn revoking_a_bound_token_purges_its_record() {
    let room = room().await;
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
    room.ask(ACTIVE)
        .await
        .assert_active(&Passport::active(), "miss");
    room.sent();
    let revoke = |token| revoke(&room, token);
    assert_eq!(revoke(ACTIVE_ACCESS_TOKEN).await.status, 200);
    assert_eq!(room.sent(), [Passport::revocation(ACTIVE)]);
    ask(&room, ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    room.ask(ACTIVE).await.assert_inactive();
    room.sent();
    // The token's record at Passport is unknown, so it is not reported as revoked.
    revoke(passport::BEARER)
        .await
        .assert_problem(501, "unsupported", None);
    assert_eq!(room.sent(), []);
}

/// Bound by mistake first, and then rightly.
/// An invalid token is no error (RFC 7009 section 2.2), and its record is known for another day.
#[tokio::test]
async fn token_whose_binding_has_ended_is_revoked_and_one_without_is_not() {
    let room = room().await;
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    room.sent();
    room.gateway.clock().set(NOW + 86_400);
    assert_eq!(revoke(&room, ACTIVE_ACCESS_TOKEN).await.status, 200);
    assert_eq!(room.sent(), [Passport::revocation(ACTIVE)]);
    let unbound = revoke(&room, "never-bound").await;
    unbound.assert_problem(501, "unsupported", None);
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn revoking_a_token_purges_others_of_its_record() {
    let room = room().await;
    for token in [passport::BEARER, ACTIVE_ACCESS_TOKEN] {
        assert_bound(&bind(&room, token, ACTIVE).await);
        ask(&room, token)
            .await
            .assert_active(&Passport::active(), "miss");
    }
    assert_eq!(revoke(&room, ACTIVE_ACCESS_TOKEN).await.status, 200);
    ask(&room, passport::BEARER).await.assert_inactive();
}

/// Ids are shown in lists and audit logs, to those who hold no token.
#[tokio::test]
async fn every_spelling_of_an_id_is_refused_as_credential() {
    let room = room_without_cache().await;
    let bare = passport::READER.replace('-', "");
    for id in [
        passport::READER,
        &passport::READER.to_uppercase(),
        &bare,
        &format!("{{{}}}", passport::READER),
        &format!("urn:uuid:{}", passport::READER),
        passport::UNKNOWN,
        ACTIVE,
    ] {
        let refused = bind(&room, id, ACTIVE).await;
        refused.assert_problem(400, "invalid_request", None);
        ask(&room, id).await.assert_inactive();
        revoke(&room, id)
            .await
            .assert_problem(501, "unsupported", None);
    }
    let request = Request::post(format!("http://{}/v1/explain", room.gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let explain = request
        .body(Full::from(format!("token={}", passport::READER)))
        .unwrap();
    assert_eq!(
        room.gateway.send(explain).await.json()["decision"]["reason"],
        "token_id"
    );
    let refused = bind(&room, passport::READER, ACTIVE).await;
    assert!(
        refused.json()["error_description"]
            .as_str()
            .unwrap()
            .contains("An id is no credential")
    );
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn issued_token_that_spells_an_id_is_not_bound() {
    let room = room().await;
    for token in [
        passport::READER.to_uppercase(),
        passport::READER.replace('-', ""),
    ] {
        let mut created = Passport::record();
        created["access_token"] = json!(token);
        room.server.next(Fault::Answer(Answer::json(200, created)));
        issue(&room, &request())
            .await
            .assert_problem(502, "upstream_error", None);
        ask(&room, &token).await.assert_inactive();
    }
}

#[tokio::test]
async fn rebinding_without_replace_is_a_conflict() {
    let room = room_without_cache().await;
    let pair = |id: &str, replace: Value| {
        json!({"token": ACTIVE_ACCESS_TOKEN, "token_id": id, "replace": replace}).to_string()
    };
    let put = async |id: &str, replace: bool| {
        send(
            &room,
            "PUT",
            BINDINGS,
            &trusted(),
            &pair(id, json!(replace)),
        )
        .await
    };
    assert_bound(&put(ACTIVE, false).await);
    assert_bound(&put(ACTIVE, false).await);
    let refused = put(passport::READER, false).await;
    refused.assert_problem(409, "conflict", None);
    assert!(
        refused.json()["error_description"]
            .as_str()
            .unwrap()
            .contains("\"replace\": true")
    );
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
    assert_bound(&put(passport::READER, true).await);
    assert_eq!(
        ask(&room, ACTIVE_ACCESS_TOKEN).await.json()["jti"],
        passport::READER
    );
    bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE)
        .await
        .assert_problem(409, "conflict", None);
    let body = pair(ACTIVE, json!("true"));
    send(&room, "PUT", BINDINGS, &trusted(), &body)
        .await
        .assert_problem(400, "invalid_request", None);
}

#[tokio::test]
async fn one_of_several_racing_binders_wins() {
    let room = room_without_cache().await;
    for round in 0..10 {
        let token = format!("token-{round}");
        let racers = [ACTIVE, passport::READER, ACTIVE, passport::READER];
        let replies =
            futures_util::future::join_all(racers.map(|id| bind(&room, &token, id))).await;
        let won: Vec<_> = replies
            .iter()
            .zip(racers)
            .filter(|(reply, _)| reply.status == 204)
            .collect();
        let winner = won[0].1;
        for (reply, id) in replies.iter().zip(racers) {
            assert_eq!(
                reply.status,
                if id == winner { 204 } else { 409 },
                "{reply:?}"
            );
        }
        assert_eq!(ask(&room, &token).await.json()["jti"], winner);
    }
}

/// The vendor itself says which record an issued token is of.
#[tokio::test]
async fn issued_token_belongs_to_the_record_its_server_names() {
    let room = room_without_cache().await;
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, passport::READER).await);
    let mut created = Passport::record();
    created["access_token"] = json!(ACTIVE_ACCESS_TOKEN);
    room.server.next(Fault::Answer(Answer::json(200, created)));
    assert_eq!(issue(&room, &request()).await.status, 200);
    ask(&room, ACTIVE_ACCESS_TOKEN)
        .await
        .assert_active(&Passport::active(), "miss");
}

#[tokio::test]
async fn vendors_introspecting_by_token_need_no_binding() {
    let room = Room::<TibcoAsg>::open_with(PATIENT, TRUSTED).await;
    bind(&room, TibcoAsg::ACTIVE, ACTIVE)
        .await
        .assert_problem(501, "unsupported", None);
    issue(&room, &request())
        .await
        .assert_problem(501, "unsupported", None);
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn bindings_and_issuance_count_towards_the_limit_of_requests() {
    let room = Arc::new(
        Room::<Passport>::open_with(&format!("{PATIENT}\nmax_in_flight = 1\nqueue = 0"), TRUSTED)
            .await,
    );
    let gate = room.server.gate();
    let held = Arc::clone(&room);
    let held = tokio::spawn(async move { held.ask(ACTIVE).await });
    gate.arrived(1).await;
    for refused in [
        bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await,
        issue(&room, &request()).await,
    ] {
        refused.assert_problem(503, "temporarily_unavailable", Some("1"));
    }
    gate.open();
    held.await
        .unwrap()
        .assert_active(&Passport::active(), "miss");
    assert_bound(&bind(&room, ACTIVE_ACCESS_TOKEN, ACTIVE).await);
    assert_eq!(issue(&room, &request()).await.status, 200);
}
