//! Secrets in operators' requests and responses.

use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::passport::{
    ACTIVE, ACTIVE_ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, READER,
};
use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{Fixture, Gateway, OPS_SECRET, Passport, Reply, Room, basic, form_body};
use serde_json::{Value, json};

use crate::watch::{MARK, Watch};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Token that no provider knows.
const TOKEN: &str = "5ec2e70000000000000000000000000000000000000000000000000000005ec2";

/// Sends a request as `ops`, with a token or secret in place of the request id.
async fn ask(
    gateway: &Gateway,
    method: &str,
    path: &str,
    kind: &str,
    body: &str,
    secret: &str,
) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET))
        .header("content-type", kind)
        .header("x-request-id", secret);
    gateway
        .send(request.body(Full::from(body.to_owned())).unwrap())
        .await
}

/// Errors and other oddities, with secrets of the vendor's in them.
fn faults() -> Vec<Fault> {
    let marked = json!({"error": MARK, "access_token": MARK, "code": MARK}).to_string();
    let statuses = [200, 302, 400, 401, 403, 404, 409, 429, 500, 503].into_iter();
    let answers = statuses
        .map(|status| {
            Answer::text(status, JSON, marked.clone()).with_header("www-authenticate", MARK)
        })
        .chain([
            Answer::text(200, MARK, MARK),
            Answer::text(200, JSON, format!("{{\"{MARK}\":")),
        ]);
    answers
        .map(Fault::Answer)
        .chain([Fault::HangUp, Fault::Truncate])
        .collect()
}

/// Explained, looked up, taken back, forgotten.
pub(crate) async fn secrets_of_operators_stay_hidden<V: Fixture>(watch: &mut Watch) {
    let sections = format!("{}\n[policies.orders]\nscope = [\"none\"]", watch.audit());
    let room = Room::<V>::open_with("timeout = \"500ms\"", &sections).await;
    let provider = V::PROVIDER;
    let by_token = V::form("x").len() == 1;
    watch.credential("ops", OPS_SECRET);
    watch.secret(TOKEN);
    let mut loud = V::record();
    for member in V::SECRETS {
        loud[*member] = json!(MARK);
    }
    let mut token = TOKEN;
    if by_token {
        watch.secret(V::ACTIVE);
        token = V::ACTIVE;
    }
    let faults = faults()
        .into_iter()
        .chain([Fault::Answer(Answer::json(200, loud))]);
    for fault in faults {
        let asked_as_it_should_be = form_body(&V::form(V::ACTIVE));
        let forms = [
            form_body(&[("token", token), ("policy", "orders")]),
            form_body(&[("token", token), ("policy", token)]),
            form_body(&[("token", token), ("provider", provider)]),
            form_body(&[("token", token), ("provider", token)]),
            form_body(&[
                ("token", token),
                ("token_type_hint", "token_id"),
                ("provider", provider),
            ]),
            format!("token={token}&token={token}"),
            token.to_owned(),
        ];
        let with_id = forms
            .iter()
            .map(|form| (form, token))
            .chain([(&asked_as_it_should_be, V::ACTIVE)]);
        for (form, id) in with_id {
            for path in ["/v1/explain", "/revoke", "/introspect"] {
                room.server.next(fault.clone());
                watch.answered(&ask(&room.gateway, "POST", path, FORM, form, id).await);
                room.server.clear();
                room.gateway.clock().advance(100_000);
            }
        }
        for (method, path) in [
            ("GET", format!("/v1/providers/{provider}/tokens/{token}")),
            ("DELETE", format!("/v1/providers/{provider}/tokens/{token}")),
            ("GET", format!("/v1/providers/{token}/tokens/{token}")),
            ("GET", format!("/v1/{token}?token={token}")),
        ] {
            room.server.next(fault.clone());
            watch.answered(&ask(&room.gateway, method, &path, FORM, "", token).await);
            room.server.clear();
        }
        room.server.next(fault);
        let path = format!("/v1/providers/{provider}/tokens/{ACTIVE}");
        watch.answered(&ask(&room.gateway, "DELETE", &path, FORM, "", "r").await);
        watch.answered(&ask(&room.gateway, "GET", "/v1/providers", FORM, "", "r").await);
        room.server.clear();
    }
    for body in [
        json!({"token": token}),
        json!({"token": token, "all": true}),
        json!({"provider": token}),
        json!({"tokens": token}),
        json!(token),
    ] {
        watch.answered(
            &ask(
                &room.gateway,
                "POST",
                "/v1/cache/purge",
                JSON,
                &body.to_string(),
                token,
            )
            .await,
        );
    }
    watch.answered(&room.revoke(V::ACTIVE).await);
    watch.sent(&room.server);
    watch.stop(room.gateway).await;
}

/// Told which token is which, and what is issued by way of us.
pub(crate) async fn secrets_of_bindings_stay_hidden(watch: &mut Watch) {
    let room = Room::<Passport>::open_with("timeout = \"500ms\"", &watch.audit()).await;
    watch.credential(CLIENT_ID, CLIENT_SECRET);
    bound(watch, &room).await;
    issued(watch, &room).await;
    watch.sent(&room.server);
    watch.stop(room.gateway).await;
}

async fn bound(watch: &mut Watch, room: &Room<Passport>) {
    let bind = async |watch: &mut Watch, body: &str| {
        let reply = ask(
            &room.gateway,
            "PUT",
            "/v1/providers/bank/bindings",
            JSON,
            body,
            TOKEN,
        )
        .await;
        watch.answered(&reply);
        reply.status
    };
    let pair = |token: &str, id: &str| json!({"token": token, "token_id": id}).to_string();
    for fault in faults() {
        room.server.next(fault);
        bind(watch, &pair(TOKEN, ACTIVE)).await;
        room.server.clear();
    }
    for wrong in [
        pair(ACTIVE, TOKEN),
        pair(TOKEN, TOKEN),
        pair(TOKEN, MARK),
        json!({"token": TOKEN}).to_string(),
        json!({"token": [TOKEN], "token_id": ACTIVE}).to_string(),
        json!({"token": TOKEN, "token_id": ACTIVE, TOKEN: 1}).to_string(),
        format!("{{\"token\":\"{TOKEN}"),
        TOKEN.to_owned(),
    ] {
        assert_ne!(bind(watch, &wrong).await, 204);
    }
    // A record that repeats the token everywhere.
    let mut record = Passport::record();
    record["access_token"] = json!(TOKEN);
    for member in ["scopes", "roles"] {
        record[member] = json!(["read", TOKEN]);
    }
    record["token_type"] = json!(TOKEN);
    room.server.always(Fault::Answer(Answer::json(200, record)));
    assert_eq!(bind(watch, &pair(TOKEN, ACTIVE)).await, 204);
    let reply = room.gateway.post_introspect(&[("token", TOKEN)]).await;
    assert_eq!(reply.json()["active"], true);
    watch.answered(&reply);
    let form = form_body(&[("token", TOKEN)]);
    for path in ["/v1/explain", "/revoke", "/revoke"] {
        watch.answered(&ask(&room.gateway, "POST", path, FORM, &form, TOKEN).await);
    }
    room.server.clear();
}

async fn issued(watch: &mut Watch, room: &Room<Passport>) {
    const PATH: &str = "/v1/providers/bank/tokens";
    let request = json!({
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials",
    });
    let issue =
        async |body: &str| ask(&room.gateway, "POST", PATH, JSON, body, CLIENT_SECRET).await;
    // The one answer that tells a token.
    let reply = issue(&request.to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    watch.secret(&token);
    watch.said(format!("{:?}", reply.headers));
    for path in ["/introspect", "/v1/explain", "/revoke"] {
        let form = form_body(&[("token", &token)]);
        watch.answered(&ask(&room.gateway, "POST", path, FORM, &form, &token).await);
    }
    let relayed = |status| matches!(status, 400 | 401 | 403);
    for fault in faults() {
        room.server.next(fault.clone());
        let reply = issue(&request.to_string()).await;
        if relayed(reply.status) {
            // The vendor's, to the caller whose credentials these are.
            let Fault::Answer(answer) = fault else {
                panic!("{reply:?}")
            };
            assert_eq!(reply.body, answer.body);
            watch.said(format!("{:?}", reply.headers));
        } else {
            watch.answered(&reply);
        }
        room.server.clear();
    }
    let created = |members: Value| {
        let mut created = Passport::record();
        created["access_token"] = json!(MARK);
        created
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        Answer::json(200, created)
    };
    for no_token in [
        created(json!({"token_id": MARK})),
        created(json!({"token_id": {"x": MARK}})),
        created(json!({"created_at": MARK})),
        created(json!({"access_token": [MARK], "token_id": READER})),
    ] {
        room.server.next(Fault::Answer(no_token));
        let reply = issue(&request.to_string()).await;
        assert_eq!(reply.status, 502, "{reply:?}");
        watch.answered(&reply);
    }
    for wrong in [
        format!("{{\"client_secret\":\"{CLIENT_SECRET}"),
        CLIENT_SECRET.to_owned(),
        String::new(),
    ] {
        watch.answered(&issue(&wrong).await);
    }
    let path = format!("{PATH}?client_secret={CLIENT_SECRET}");
    watch.answered(
        &ask(
            &room.gateway,
            "PATCH",
            &path,
            JSON,
            CLIENT_SECRET,
            ACTIVE_ACCESS_TOKEN,
        )
        .await,
    );
}
