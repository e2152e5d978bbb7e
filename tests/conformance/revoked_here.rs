//! Revocations through the gateway hold everywhere, although the vendor still shows the token.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, request};
use http_body_util::Full;
use introspectd_simulators::passport::{self, ACTIVE, ACTIVE_ACCESS_TOKEN, BEARER, READER};
use introspectd_simulators::{Answer, Fault, tibco_asg};
use introspectd_tests::{
    Apigee, EDGE_SECRET, Fixture, OPS_SECRET, Passport, Reply, Rfc7662, Room, TibcoAsg, basic,
    form_body,
};
use serde_json::{Value, json};

const UNCACHED: &str = "[cache]\nttl = \"0s\"\ninactive_ttl = \"0s\"";
const PATIENT: &str = "timeout = \"60s\"";

async fn room<V: Fixture>() -> Room<V> {
    let room = Room::open_with(PATIENT, UNCACHED).await;
    V::show_revoked(room.server.vendor());
    room
}

fn address<V: Fixture>(room: &Room<V>, path: &str) -> String {
    format!("http://{}{path}", room.gateway.api())
}

async fn send<V: Fixture>(room: &Room<V>, request: request::Builder, body: String) -> Reply {
    let request = request.header(AUTHORIZATION, basic("ops", OPS_SECRET));
    room.gateway
        .send(request.body(Full::from(body)).unwrap())
        .await
}

async fn post<V: Fixture>(room: &Room<V>, path: &str, form: &[(&str, &str)]) -> Reply {
    let request = Request::post(address(room, path))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(room, request, form_body(form)).await
}

async fn bind<V: Fixture>(room: &Room<V>, pair: &Value) -> Reply {
    let request = Request::put(address(
        room,
        &format!("/v1/providers/{}/bindings", V::PROVIDER),
    ));
    send(
        room,
        request.header(CONTENT_TYPE, "application/json"),
        pair.to_string(),
    )
    .await
}

async fn bind_two(room: &Room<Passport>) {
    for token in [ACTIVE_ACCESS_TOKEN, BEARER] {
        assert_eq!(
            bind(room, &json!({"token": token, "token_id": ACTIVE}))
                .await
                .status,
            204
        );
    }
}

async fn revoke_by_id<V: Fixture>(room: &Room<V>, id: &str) {
    let path = format!("/v1/providers/{}/tokens/{id}", V::PROVIDER);
    assert_eq!(
        send(room, Request::delete(address(room, &path)), String::new())
            .await
            .status,
        200
    );
}

async fn decide<V: Fixture>(room: &Room<V>, token: &str) -> u16 {
    let request = Request::get(address(room, "/forward-auth/default"))
        .header("x-introspectd-caller", basic("edge", EDGE_SECRET))
        .header(AUTHORIZATION, format!("Bearer {token}"));
    room.gateway
        .send(request.body(Full::default()).unwrap())
        .await
        .status
}

async fn states<V: Fixture>(room: &Room<V>, id: &str) -> Vec<Value> {
    let path = format!("/v1/tokens?provider={}", V::PROVIDER);
    let reply = send(room, Request::get(address(room, &path)), String::new()).await;
    let records = reply.json()["tokens"].as_array().unwrap().clone();
    records
        .iter()
        .filter(|it| it["jti"] == id)
        .map(|it| it["state"].clone())
        .collect()
}

async fn explained<V: Fixture>(room: &Room<V>, form: &[(&str, &str)]) -> Value {
    let reply = post(room, "/v1/explain", form).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// Wherever one looks at the bank.
async fn assert_revoked_at_the_bank(room: &Room<Passport>) {
    for token in [ACTIVE_ACCESS_TOKEN, BEARER] {
        room.gateway
            .post_introspect(&[("token", token)])
            .await
            .assert_inactive();
        assert_eq!(decide(room, token).await, 401);
        let explained = explained(room, &[("token", token)]).await;
        assert_eq!(explained["decision"]["reason"], "revoked", "{explained}");
        assert_eq!(
            explained["providers"][0]["upstream"]["status"], "revoked_here",
            "{explained}"
        );
    }
    room.ask(ACTIVE).await.assert_inactive();
    let path = format!("/v1/providers/bank/tokens/{ACTIVE}");
    let record = send(room, Request::get(address(room, &path)), String::new())
        .await
        .json();
    assert_eq!(
        (&record["state"], &record["jti"]),
        (&json!("revoked"), &json!(ACTIVE)),
        "{record}"
    );
    assert_eq!(states(room, ACTIVE).await, ["revoked"]);
    let filtered = Request::get(address(room, "/v1/tokens?state=revoked"));
    assert_eq!(
        send(room, filtered, String::new()).await.json()["tokens"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let by_id = [
        ("token", ACTIVE),
        ("token_type_hint", "token_id"),
        ("provider", "bank"),
    ];
    assert_eq!(
        explained(room, &by_id).await["decision"]["reason"],
        "revoked"
    );
    let again = bind(room, &json!({"token": "a-new-token", "token_id": ACTIVE})).await;
    again.assert_problem(404, "not_found", None);
}

#[tokio::test]
async fn revocation_by_id_covers_all_bound_tokens() {
    let room = room::<Passport>().await;
    bind_two(&room).await;
    assert_eq!(decide(&room, BEARER).await, 200);
    revoke_by_id(&room, ACTIVE).await;
    assert_revoked_at_the_bank(&room).await;
    assert_eq!(states(&room, READER).await, ["active"]);
}

#[tokio::test]
async fn revocation_by_value_covers_all_tokens_of_the_record() {
    let room = room::<Passport>().await;
    bind_two(&room).await;
    assert_eq!(
        post(&room, "/revoke", &[("token", BEARER)]).await.status,
        200
    );
    assert_revoked_at_the_bank(&room).await;
    for (replace, id) in [(true, READER), (false, ACTIVE)] {
        let pair = json!({"token": BEARER, "token_id": id, "replace": replace});
        bind(&room, &pair)
            .await
            .assert_problem(409, "conflict", None);
    }
}

/// A server may read ids in any case.
#[tokio::test]
async fn revocation_by_an_id_in_another_case_holds() {
    let room = room::<Passport>().await;
    bind_two(&room).await;
    room.server.next(Fault::Answer(Answer::empty(204)));
    revoke_by_id(&room, &ACTIVE.to_uppercase()).await;
    assert_revoked_at_the_bank(&room).await;
}

/// Names the cached token by its id, as its provider does.
#[tokio::test]
async fn revocation_by_an_id_in_another_case_purges_the_cache() {
    let room: Room<Passport> = Room::open_with(PATIENT, "").await;
    Passport::show_revoked(room.server.vendor());
    bind_two(&room).await;
    assert_eq!(decide(&room, BEARER).await, 200);
    room.ask(ACTIVE)
        .await
        .assert_active(&Passport::active(), "miss");
    room.server.next(Fault::Answer(Answer::empty(204)));
    revoke_by_id(&room, &ACTIVE.to_uppercase()).await;
    assert_revoked_at_the_bank(&room).await;
}

#[tokio::test]
async fn list_shows_tokens_revoked_by_value() {
    let cached: Room<TibcoAsg> = Room::open_with(PATIENT, "").await;
    TibcoAsg::show_revoked(cached.server.vendor());
    let id = cached.server.vendor().record(tibco_asg::ACTIVE).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(states(&cached, &id).await, ["unknown"]);
    cached
        .ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    assert_eq!(
        post(&cached, "/revoke", &[("token", TibcoAsg::ACTIVE)])
            .await
            .status,
        200
    );
    assert_eq!(states(&cached, &id).await, ["revoked"]);
    // Not known to the cache: the first answer about the token shows it.
    let uncached = room::<TibcoAsg>().await;
    assert_eq!(
        post(&uncached, "/revoke", &[("token", TibcoAsg::ACTIVE)])
            .await
            .status,
        200
    );
    uncached.ask(TibcoAsg::ACTIVE).await.assert_inactive();
    assert_eq!(states(&uncached, &id).await, ["revoked"]);
}

async fn asked_about_until_its_end_is_known<V: Fixture>() {
    let room = room::<V>().await;
    assert_eq!(
        post(&room, "/revoke", &[("token", V::ACTIVE)]).await.status,
        200
    );
    room.sent();
    for sent in [1, 0, 0] {
        room.ask(V::ACTIVE).await.assert_inactive();
        assert_eq!(decide(&room, V::ACTIVE).await, 401);
        assert_eq!(room.sent().len(), sent);
    }
    let explained = explained(&room, &[("token", V::ACTIVE)]).await;
    let upstream = &explained["providers"][0]["upstream"];
    assert_eq!(
        (&upstream["asked"], &upstream["because"]),
        (&json!("no"), &json!("revoked")),
        "{explained}"
    );
    assert_eq!(
        (&upstream["status"], &explained["decision"]["reason"]),
        (&json!("revoked_here"), &json!("revoked"))
    );
    assert_eq!(room.sent(), []);
    // Whatever it says or does not.
    room.server.stop();
    room.ask(V::ACTIVE).await.assert_inactive();
}

#[tokio::test]
async fn revoked_token_is_introspected_until_its_end_is_known() {
    asked_about_until_its_end_is_known::<TibcoAsg>().await;
    asked_about_until_its_end_is_known::<Apigee>().await;
    asked_about_until_its_end_is_known::<Rfc7662>().await;
}

#[tokio::test]
async fn revocation_of_unknown_end_holds_while_the_provider_fails() {
    let room = room::<Rfc7662>().await;
    assert_eq!(
        post(&room, "/revoke", &[("token", Rfc7662::ACTIVE)])
            .await
            .status,
        200
    );
    for fault in [
        Fault::HangUp,
        Fault::Answer(Answer::html(500)),
        Fault::Answer(Answer::empty(429)),
    ] {
        room.server.next(fault);
        room.ask(Rfc7662::ACTIVE).await.assert_inactive();
    }
}

/// A provider may find another end for it, as one does that counts from the moment of its answer.
#[tokio::test]
async fn later_end_extends_the_revocation() {
    let room = room::<Passport>().await;
    bind_two(&room).await;
    revoke_by_id(&room, ACTIVE).await;
    let mut record = Passport::record();
    record["expires_in"] = json!(10 * 86_400);
    room.server.vendor().put(ACTIVE, record);
    room.ask(ACTIVE).await.assert_inactive();
    room.gateway.clock().advance(5 * 86_400);
    // Sweeps what ended.
    revoke_by_id(&room, passport::UNKNOWN).await;
    room.ask(ACTIVE).await.assert_inactive();
}
