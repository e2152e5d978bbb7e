//! Secrets in lists: in members of their own, repeated in others, and in what is no list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::{Answer, Fault, passport};
use introspectd_tests::{Apigee, Fixture, OPS_SECRET, Passport, Reply, Room, TibcoAsg, basic};
use serde_json::{Value, json};

use crate::watch::{MARK, Watch};

/// Mark in all secrets of lists.
const LISTED: &str = "do-not-list-me-16180339887";

/// A vendor that lists.
pub(crate) trait Lister: Fixture {
    /// Filter that the vendor supports.
    const FILTER: &'static str;
    /// Members of its records that hold secrets, be they documented or not.
    const SECRETS_OF_LISTS: &'static [&'static str];
    /// Members whose value no other member may repeat.
    const NOT_REPEATED: &'static [&'static str];
    /// Members that are read.
    const READ: &'static [&'static str];

    /// Has it list these records.
    fn list(room: &Room<Self>, records: Vec<Value>)
    where
        Self: Sized;

    /// Tells a record from others.
    fn number(record: &mut Value, number: usize);

    /// Has it answer a list so.
    fn fail(room: &Room<Self>, answer: Answer)
    where
        Self: Sized,
    {
        room.server.always(Fault::Answer(answer));
    }
}

impl Lister for Passport {
    const FILTER: &'static str = "";
    const SECRETS_OF_LISTS: &'static [&'static str] = &[
        "access_token",
        "refresh_token",
        "client_secret",
        "saml_token",
    ];
    const NOT_REPEATED: &'static [&'static str] = &["access_token"];
    const READ: &'static [&'static str] = &[
        "token_id",
        "scopes",
        "roles",
        "token_type",
        "grant_flow",
        "account_id",
        "user_id",
    ];

    fn list(room: &Room<Self>, records: Vec<Value>) {
        let pages = json!({"total_elements": records.len(), "total_pages": 1, "current_page": 1});
        let list = json!({"pagination_info": pages, "tokens": records, "secret": LISTED});
        room.server.always(Fault::Answer(Answer::json(200, list)));
    }

    fn number(record: &mut Value, number: usize) {
        record["token_id"] = json!(format!("00000000-0000-4000-8000-{number:012}"));
    }
}

impl Lister for TibcoAsg {
    const FILTER: &'static str = "";
    const SECRETS_OF_LISTS: &'static [&'static str] = &[
        "accessToken",
        "access_token",
        "refreshToken",
        "secret",
        "samlToken",
    ];
    const NOT_REPEATED: &'static [&'static str] = Self::SECRETS_OF_LISTS;
    const READ: &'static [&'static str] = &[
        "id",
        "stringId",
        "owner",
        "client",
        "scopes",
        "status",
        "grantType",
        "classification",
        "contact",
        "email",
        "callback",
    ];

    fn list(room: &Room<Self>, records: Vec<Value>) {
        room.server
            .always(Fault::Answer(Answer::json(200, json!(records))));
    }

    fn number(record: &mut Value, number: usize) {
        record["id"] = json!(format!("{number:032x}"));
    }
}

impl Lister for Apigee {
    const FILTER: &'static str = "user_id=ana";
    const SECRETS_OF_LISTS: &'static [&'static str] = &["token", "refreshToken", "consumerSecret"];
    const NOT_REPEATED: &'static [&'static str] = &["token"];
    const READ: &'static [&'static str] = &[
        "clientId",
        "scope",
        "tokenType",
        "grantType",
        "app",
        "appId",
        "apiProducts",
        "attributes",
        "createdBy",
        "lastModifiedBy",
        "refreshCount",
    ];

    fn list(room: &Room<Self>, records: Vec<Value>) {
        for mut record in records {
            record["endUser"] = json!("ana");
            let token = record["token"].as_str().unwrap().to_owned();
            room.server.vendor().put(&token, record);
        }
    }

    fn number(record: &mut Value, number: usize) {
        record["token"] = json!(format!("{LISTED}-{number}"));
    }
}

pub(crate) async fn secrets_of_lists_stay_hidden<V: Lister>(watch: &mut Watch) {
    let room = Room::<V>::open_with("timeout = \"500ms\"", &watch.audit()).await;
    watch.secret(LISTED);
    watch.credential("ops", OPS_SECRET);
    repeated_in_any_member(watch, &room).await;
    page_by_page(watch, &room).await;
    in_what_is_no_list(watch, &room).await;
    watch.sent(&room.server);
    room.server.stop();
    asked(watch, &room, V::FILTER).await;
    watch.stop(room.gateway).await;
}

/// Sends `GET /v1/tokens`.
async fn asked<V: Lister>(watch: &mut Watch, room: &Room<V>, query: &str) -> Reply {
    let request = Request::get(format!("http://{}/v1/tokens?{query}", room.gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET));
    let reply = room
        .gateway
        .send(request.body(Full::default()).unwrap())
        .await;
    watch.answered(&reply);
    reply
}

/// Record with a secret in each possible member.
fn loud<V: Lister>() -> Value {
    let mut record = V::record();
    for member in V::SECRETS_OF_LISTS {
        record[*member] = json!(format!("{LISTED}-{member}"));
    }
    record
}

async fn repeated_in_any_member<V: Lister>(watch: &mut Watch, room: &Room<V>) {
    for member in V::READ {
        let mut shown = 0;
        for secret in V::NOT_REPEATED
            .iter()
            .map(|secret| format!("{LISTED}-{secret}"))
        {
            for repeated in [
                json!(secret),
                json!(format!("read {secret}")),
                json!([secret, "read"]),
                json!([{"name": secret, "value": secret}]),
                json!({"read": secret}),
            ] {
                // Two words are a scope and a secret there, and ordinary text elsewhere.
                let is_text = repeated.as_str().is_some_and(|text| text.contains(' '));
                if is_text && !member.starts_with("scope") {
                    continue;
                }
                let mut record = loud::<V>();
                record[*member] = repeated;
                V::list(room, vec![record]);
                let reply = asked(watch, room, V::FILTER).await;
                shown += reply.json()["tokens"].as_array().map_or(0, Vec::len);
            }
        }
        assert!(shown > 0, "no record with {member} was listed");
    }
    room.server.clear();
}

async fn page_by_page<V: Lister>(watch: &mut Watch, room: &Room<V>) {
    let numbered = |number| {
        let mut record = loud::<V>();
        V::number(&mut record, number);
        record
    };
    V::list(room, (0..4).map(numbered).collect());
    for query in [
        "page_size=1".to_owned(),
        format!("page_size=1&client_id={MARK}"),
    ] {
        let mut token = String::new();
        let mut pages = 0;
        loop {
            pages += 1;
            assert!(pages < 20, "it ends");
            let reply = asked(watch, room, &format!("{}&{query}{token}", V::FILTER)).await;
            let Some(next) = reply.json()["next_page_token"].as_str().map(str::to_owned) else {
                break;
            };
            watch.said(
                String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(&next).unwrap()).into_owned(),
            );
            token = format!("&page_token={next}");
        }
        assert!(pages >= 4 || query.contains(MARK), "{pages}");
    }
    for wrong in [
        "page_token",
        "state",
        "order",
        "page_size",
        "provider",
        MARK,
    ] {
        asked(watch, room, &format!("{wrong}={MARK}")).await;
    }
    room.server.clear();
}

async fn in_what_is_no_list<V: Lister>(watch: &mut Watch, room: &Room<V>) {
    let cut_off = json!([loud::<V>()])
        .to_string()
        .replace(']', &format!(",{{\"{MARK}\":"));
    let bodies = [
        json!({"error": MARK, "message": MARK, "code": MARK, "access_token": LISTED}).to_string(),
        json!({"list": [LISTED], "meta": {"next": LISTED, "query": 5}}).to_string(),
        json!({"pagination_info": {"first_request_timestamp": MARK}, "tokens": [loud::<V>()]})
            .to_string(),
        json!({"pagination_info": {}, "tokens": [loud::<V>(), {"token_id": {"x": LISTED}}]})
            .to_string(),
        json!([loud::<V>(), {"id": MARK, "accessToken": [LISTED]}, MARK]).to_string(),
        format!("{{\"{MARK}\":1,\"{MARK}\":2}}"),
        cut_off,
        MARK.to_owned(),
    ];
    for status in [200, 400, 401, 403, 404, 429, 500, 503] {
        for body in &bodies {
            for kind in ["application/json", MARK] {
                let answer = Answer::text(status, kind, body.clone());
                V::fail(
                    room,
                    answer
                        .with_header("www-authenticate", MARK)
                        .with_header("retry-after", MARK),
                );
                asked(watch, room, V::FILTER).await;
                asked(watch, room, &format!("owner={MARK}")).await;
            }
        }
    }
    V::fail(
        room,
        Answer::redirect(&format!("http://127.0.0.1:1/?x={MARK}")),
    );
    asked(watch, room, V::FILTER).await;
    room.server.clear();
    // A record that a search found, and that then is none.
    V::list(room, vec![loud::<V>()]);
    for fault in [Fault::HangUp, Fault::Truncate, Fault::Hang] {
        room.server.next(fault);
        asked(watch, room, V::FILTER).await;
    }
    room.server.clear();
    room.server.next(Fault::Answer(Answer::json(
        200,
        json!({"list": [LISTED, passport::BEARER], "meta": {}}),
    )));
    asked(watch, room, V::FILTER).await;
}
