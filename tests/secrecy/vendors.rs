//! Secrets that come from vendors.

use introspectd_simulators::{Answer, Fault, Recorded, Simulator, passport};
use introspectd_tests::{EDGE_SECRET, Fixture, Gateway, Passport, Room, now};
use serde_json::json;

use crate::watch::{MARK, Watch};

/// Header of the configuration that each provider is sent.
const HEADER: &str = "header-secret-27182818284";

/// Everything that conformance looks at, with secrets wherever a vendor could put them.
pub(crate) async fn secrets_of_vendors_stay_hidden<V: Fixture>(watch: &mut Watch) {
    let more =
        format!("timeout = \"500ms\"\nheaders = {{ X-Api-Key = {{ literal = \"{HEADER}\" }} }}\n");
    let room = Room::<V>::open_with(&more, &watch.audit()).await;
    watch.credential("edge", EDGE_SECRET);
    watch.secret(V::CREDENTIAL);
    watch.secret(HEADER);
    let by_token = V::form("x").len() == 1;
    for identifier in [V::ACTIVE, V::STALE, V::REVOKED, V::UNKNOWN] {
        if by_token {
            watch.secret(identifier);
        }
        watch.answered(&room.ask(identifier).await);
    }
    let mut loud = V::record();
    for member in V::SECRETS {
        loud[*member] = json!(MARK);
    }
    let marked = format!("{{\"error\":\"{MARK} {}\"}}", V::ACTIVE);
    let doubled = format!("{{\"{MARK}\":1,\"{MARK}\":2}}");
    let mut named = V::record();
    named[V::REQUIRED[0]] = json!({MARK: MARK});
    let odd = |name: &str| Answer::json(503, json!({"error": MARK})).with_header(name, MARK);
    let target = V::question(V::ACTIVE).target;
    for fault in [
        Fault::Answer(Answer::json(200, loud)),
        Fault::Answer(Answer::json(200, named)),
        Fault::Answer(Answer::text(200, "application/json", marked.clone())),
        Fault::Answer(Answer::text(200, "application/json", doubled)),
        Fault::Answer(Answer::text(
            200,
            "application/json",
            format!("{{\"{MARK}\": ?"),
        )),
        Fault::Answer(Answer::text(200, MARK, MARK)),
        Fault::Answer(Answer::text(400, "application/json", marked.clone())),
        Fault::Answer(
            Answer::text(401, "application/json", marked.clone())
                .with_header("www-authenticate", MARK),
        ),
        Fault::Answer(Answer::text(403, "text/plain", marked.clone())),
        Fault::Answer(Answer::text(404, "application/json", marked.clone())),
        Fault::Answer(Answer::text(500, "text/plain", marked)),
        Fault::Answer(Answer::redirect(&format!(
            "http://127.0.0.1:1{target}?x={MARK}"
        ))),
        Fault::Answer(odd("retry-after")),
        Fault::Answer(odd("set-cookie")),
        Fault::HangUp,
        Fault::Reset,
        Fault::Truncate,
        Fault::Oversize(2 * 1024 * 1024),
        Fault::Hang,
    ] {
        room.gateway.clock().advance(100_000);
        room.server.next(fault);
        watch.answered(&room.ask(V::ACTIVE).await);
    }
    for hostile in [
        "owners",
        &format!("../{MARK}"),
        &format!("{MARK}\r\nX: {MARK}"),
        &format!("{MARK}%00"),
    ] {
        watch.answered(&room.ask(hostile).await);
    }
    let requests = room.server.requests();
    let brought = |request: &Recorded| request.header("x-api-key") == Some(HEADER);
    assert!(!requests.is_empty() && requests.iter().all(brought));
    watch.sent(&room.server);
    room.server.stop();
    watch.answered(&room.ask(V::ACTIVE).await);
    watch.stop(room.gateway).await;
}

/// Credentials that we fetch ourselves.
pub(crate) async fn secrets_of_token_endpoints_stay_hidden(watch: &mut Watch) {
    let server = Simulator::start(Passport::server(now())).await.unwrap();
    watch.credential(passport::CLIENT_ID, passport::CLIENT_SECRET);
    let section = Passport::section_with_grant(&server.base_url());
    let audit = watch.audit();
    let gateway = Gateway::start(&format!(
        "{audit}\n[providers.bank]\n{section}timeout = \"1s\"\n"
    ))
    .await;
    let form = Passport::form(passport::ACTIVE);
    for fault in [
        Fault::Answer(Answer::json(
            400,
            json!({"error": MARK, "client_secret": passport::CLIENT_SECRET}),
        )),
        Fault::Answer(Answer::json(
            200,
            json!({"access_token": format!("{MARK}\n")}),
        )),
        Fault::Answer(Answer::json(
            200,
            json!({"access_token": MARK, "expires_in": MARK}),
        )),
        Fault::Answer(Answer::text(200, "text/html", passport::CLIENT_SECRET)),
        Fault::HangUp,
        Fault::Hang,
        Fault::Truncate,
    ] {
        server.next(fault);
        watch.answered(&gateway.post_introspect(&form).await);
    }
    // A request that meets the end of a renewal shares its outcome, which leaves a fault for the
    // next one.
    for _ in 0..2 {
        let reply = gateway.post_introspect(&form).await;
        watch.answered(&reply);
        if reply.status == 200 {
            break;
        }
    }
    server.vendor().expire_credentials();
    watch.answered(
        &gateway
            .post_introspect(&Passport::form(passport::READER))
            .await,
    );
    assert_eq!(server.vendor().issued(), 3);
    watch.sent(&server);
    watch.stop(gateway).await;
}
