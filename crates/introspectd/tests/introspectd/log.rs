use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http_body_util::Full;
use introspectd_simulators::apigee::{self, Apigee};
use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::rfc7662;
use introspectd_simulators::tibco_asg::{self, TibcoAsg};
use introspectd_simulators::{Answer, Fault, Simulator};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::client::{ask, ask_as_edge, basic, exchange, question};
use crate::program::{Folder, soon};
use crate::server::{BASE, SERVE, Server};
use crate::vendors::{now, sso, sso_config};

#[tokio::test]
async fn off_a_terminal_each_line_is_json() {
    let mut server = Server::start_with("").await;
    server.signal(Signal::TERM);
    server.ended().await;
    let log = server.log();
    assert!(log.len() >= 4, "{log:#?}");
    for line in log {
        let event: Value = serde_json::from_str(&line).unwrap();
        for member in ["timestamp", "level", "message", "target"] {
            assert!(event[member].is_string(), "{member}: {line}");
        }
    }
}

#[tokio::test]
async fn format_of_lines_is_as_configured_wherever_they_go() {
    let server = Server::start_with("[log]\nformat = \"json\"").await;
    let log = server.log();
    assert!(log.iter().all(|line| line.starts_with('{')), "{log:#?}");
    let folder = Folder::with_config(&format!("{BASE}[log]\nformat = \"text\""));
    let mut command = folder.command();
    let server = Server::start_until(folder, command.args(SERVE), "listener=\"admin\"").await;
    for line in server.log() {
        let is_text = [" INFO introspectd", " WARN introspectd"];
        assert!(is_text.iter().any(|it| line.contains(it)), "{line}");
        // Colors are for terminals.
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}

#[tokio::test]
async fn a_failure_is_logged_with_its_provider() {
    let sso = sso().await;
    let server = Server::start_with(&sso_config(&sso)).await;
    sso.next(Fault::Answer(Answer::json(
        401,
        json!({"error": "invalid_client"}),
    )));
    assert_eq!(
        ask_as_edge(&server.api(), rfc7662::ACTIVE).await.status,
        502
    );
    server.logged("check `credentials`").await;
    assert!(
        server
            .log()
            .iter()
            .any(|line| line.contains("WARN") && line.contains("sso"))
    );
}

const EDGE_SECRET: &str = "edge-env-secret";
const STRANGER: &str = "secret-of-a-stranger";

async fn vendors() -> (Simulator<Passport>, Simulator<TibcoAsg>, Simulator<Apigee>) {
    let bank = Simulator::start(Passport::new(now())).await.unwrap();
    let legacy = Simulator::start(TibcoAsg::new(now())).await.unwrap();
    let apis = Simulator::start(Apigee::new(now())).await.unwrap();
    (bank, legacy, apis)
}

/// Secrets that the log must not contain, in the forms in which they travel.
fn secrets() -> Vec<String> {
    let plain = [
        EDGE_SECRET,
        STRANGER,
        rfc7662::CLIENT_SECRET,
        passport::CLIENT_SECRET,
        passport::ACTIVE_ACCESS_TOKEN,
        tibco_asg::CLIENT_SECRET,
        tibco_asg::REFRESH_TOKEN,
        apigee::PASSWORD,
        rfc7662::ACTIVE,
        rfc7662::ACTIVE_JWT,
        rfc7662::UNKNOWN,
        tibco_asg::ACTIVE,
        tibco_asg::UNKNOWN,
        apigee::ACTIVE,
        apigee::REVOKED,
        apigee::UNKNOWN,
    ];
    let pairs = [
        ("edge", EDGE_SECRET),
        ("edge", STRANGER),
        (rfc7662::CLIENT_ID, rfc7662::CLIENT_SECRET),
        (tibco_asg::CLIENT_ID, tibco_asg::CLIENT_SECRET),
        (apigee::USERNAME, apigee::PASSWORD),
    ];
    let encoded = pairs
        .iter()
        .map(|(name, secret)| STANDARD.encode(format!("{name}:{secret}")));
    plain
        .iter()
        .map(|secret| (*secret).to_owned())
        .chain(encoded)
        .collect()
}

#[tokio::test]
async fn no_level_lets_a_secret_into_the_log() {
    let sso = sso().await;
    let (bank, legacy, apis) = vendors().await;
    let config = format!(
        r#"
        [listen]
        api = "127.0.0.1:0"
        admin = "127.0.0.1:0"
        [log]
        level = "trace,hyper=trace,h2=trace,rustls=trace"
        [cache]
        ttl = "0s"
        inactive_ttl = "0s"
        [callers.edge]
        secret = {{ env = "EDGE_SECRET" }}
        permissions = ["introspect", "lookup"]
        [providers.bank]
        kind = "passport"
        base_url = "{}"
        [providers.bank.credentials]
        type = "client_credentials"
        client_id = "{}"
        client_secret = {{ literal = "{}" }}
        [providers.legacy]
        kind = "tibco-asg"
        base_url = "{}"
        credentials = {{ type = "basic", username = "{}", password = {{ literal = "{}" }} }}
        match = {{ prefix = "T1am" }}
        [providers.apis]
        kind = "apigee"
        base_url = "{}"
        organization = "{}"
        credentials = {{ type = "basic", username = "{}", password = {{ literal = "{}" }} }}
        match = {{ regex = "^[A-Za-z0-9]{{28}}$" }}
        {}
        "#,
        bank.base_url(),
        passport::CLIENT_ID,
        passport::CLIENT_SECRET,
        legacy.base_url(),
        tibco_asg::CLIENT_ID,
        tibco_asg::CLIENT_SECRET,
        apis.base_url(),
        apigee::ORGANIZATION,
        apigee::USERNAME,
        apigee::PASSWORD,
        sso_config(&sso),
    );
    let folder = crate::program::Folder::with_config(&config);
    let mut server = Server::start_in(folder, &[("EDGE_SECRET", EDGE_SECRET)]).await;
    let api = server.api();
    let edge = basic("edge", EDGE_SECRET);
    let status = async |form: &str| ask(&api, &edge, form).await.status;

    for token in [
        rfc7662::ACTIVE,
        rfc7662::UNKNOWN,
        rfc7662::ACTIVE_JWT,
        tibco_asg::ACTIVE,
        tibco_asg::UNKNOWN,
        apigee::ACTIVE,
        apigee::REVOKED,
        apigee::UNKNOWN,
    ] {
        assert_eq!(status(&format!("token={token}")).await, 200);
    }
    let by_id = format!(
        "token={}&token_type_hint=token_id&provider=bank",
        passport::ACTIVE
    );
    assert_eq!(status(&by_id).await, 200);

    // Failures, those included whose bodies hold what must not be repeated.
    for (token, expected) in [
        (rfc7662::ACTIVE, 502),
        (tibco_asg::ACTIVE, 502),
        (apigee::ACTIVE, 502),
    ] {
        let echo = Answer::json(
            200,
            json!({"active": token, "accessToken": [token], "token": {"x": token}}),
        );
        let refusal = Answer::json(401, json!({"error": token}));
        for fault in [
            Fault::Answer(echo),
            Fault::Answer(refusal),
            Fault::Answer(Answer::redirect(&format!("http://127.0.0.1:1/{token}"))),
            Fault::Answer(Answer::text(
                200,
                "application/json",
                format!("{{\"{token}\":"),
            )),
            Fault::Truncate,
        ] {
            sso.next(fault.clone());
            legacy.next(fault.clone());
            apis.next(fault.clone());
            assert_eq!(
                status(&format!("token={token}")).await,
                expected,
                "{fault:?}"
            );
            sso.clear();
            legacy.clear();
            apis.clear();
        }
    }
    bank.vendor().expire_credentials();
    bank.next(Fault::HangUp);
    bank.next(Fault::HangUp);
    status(&by_id).await;
    sso.stop();
    assert_eq!(status(&format!("token={}", rfc7662::ACTIVE)).await, 503);

    // Requests that are refused.
    let form = format!("token={}", rfc7662::ACTIVE);
    assert_eq!(ask(&api, &basic("edge", STRANGER), &form).await.status, 401);
    assert_eq!(
        ask(&api, &format!("Bearer {STRANGER}"), &form).await.status,
        401
    );
    assert_eq!(status(&format!("{form}&{form}")).await, 400);
    assert_eq!(status(&format!("{form}%")).await, 400);
    assert_eq!(status(&format!("{form}&provider={STRANGER}")).await, 400);
    for request in [
        Request::get(format!("/introspect?{form}")),
        Request::get(format!("/{}", rfc7662::ACTIVE)),
        Request::post(format!("/introspect?{form}")).header("content-type", "application/json"),
    ] {
        let request = request.header("host", "x").header("authorization", &edge);
        let request = request.body(Full::from(form.clone())).unwrap();
        let reply = exchange(TcpStream::connect(&api).await.unwrap(), request).await;
        assert!([405, 404, 415].contains(&reply.status), "{reply:?}");
    }
    let closed = exchange(
        TcpStream::connect(&api).await.unwrap(),
        question(None, &form),
    )
    .await;
    assert_eq!(closed.status, 401);

    server.signal(Signal::TERM);
    server.ended().await;
    let log = server.log();
    assert!(
        log.iter().any(|line| line.contains("DEBUG")),
        "the level is in force"
    );
    assert!(log.iter().any(|line| line.contains("refused a request")));
    for line in &log {
        serde_json::from_str::<Value>(line).unwrap();
        for secret in secrets() {
            assert!(!line.contains(&secret), "{secret} stands in {line}");
        }
    }
    // What the vendors were sent proves that the secrets were in play.
    assert!(bank.requests().iter().any(|request| {
        String::from_utf8_lossy(&request.body).contains(passport::CLIENT_SECRET)
    }));
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Asks `POST` of this path as `ops`, in a trace, with this request id if any.
async fn traced(server: &Server, path: &str, id: Option<&str>) -> u16 {
    let mut request = question(Some(&basic("ops", "ops-secret")), "token=sso_active");
    *request.uri_mut() = path.parse().unwrap();
    let headers = request.headers_mut();
    let trace = format!("00-{TRACE}-00f067aa0ba902b7-00");
    headers.insert("traceparent", trace.try_into().unwrap());
    let name = http::HeaderName::from_static("x-request-id");
    headers.extend(id.map(|id| (name, id.parse().unwrap())));
    let stream = TcpStream::connect(server.api()).await.unwrap();
    exchange(stream, request).await.status
}

/// Returns the line of this number, from 0, of an audit log, whose thread may not have written it.
async fn audited(path: &Path, number: usize) -> String {
    let line = async {
        loop {
            let text = std::fs::read_to_string(path).unwrap();
            match text.split_inclusive('\n').nth(number) {
                Some(line) if line.ends_with('\n') => break line.to_owned(),
                Some(_) | None => tokio::task::yield_now().await,
            }
        }
    };
    soon("a line of the audit log", line).await
}

/// Also those that a task of its own, or a thread without callers, writes on behalf of the request.
#[tokio::test]
async fn lines_of_one_request_share_its_ids() {
    let sso = sso().await;
    sso.always(Fault::Answer(Answer::empty(500)));
    let toml = format!(
        r#"{BASE}
        [log]
        level = "debug"
        [audit]
        to = "audit.log"
        [callers.ops]
        secret = {{ literal = "ops-secret" }}
        permissions = ["introspect", "revoke"]
        {}
        "#,
        sso_config(&sso)
    );
    let folder = Folder::new();
    let audit = folder.path("audit.log");
    let toml = toml.replace("audit.log", audit.to_str().unwrap());
    folder.write("introspectd.toml", toml);
    let server = Server::start_in(folder, &[]).await;
    for (round, (path, id, messages)) in [
        (
            "/introspect",
            Some("req-1"),
            &["provider request failed", "refused a request"][..],
        ),
        (
            "/revoke",
            Some("req-2"),
            &["revocation failed", "refused a request"],
        ),
        // A provider's second failure so soon has no line of its own.
        ("/introspect", None, &["refused a request"]),
    ]
    .into_iter()
    .enumerate()
    {
        let before = server.log().len();
        assert!(traced(&server, path, id).await >= 500, "{path}");
        server.lines("refused a request", round + 1).await;
        let log = server.log().split_off(before);
        let line_of = |message: &str| {
            let line = log.iter().find(|line| line.contains(message));
            let line = line.unwrap_or_else(|| panic!("{message}: {log:#?}"));
            serde_json::from_str::<Value>(line).unwrap()
        };
        let audited: Value = serde_json::from_str(&audited(&audit, round).await).unwrap();
        for line in messages.iter().map(|message| line_of(message)) {
            assert_eq!(line["trace_id"], TRACE, "{line}");
            assert_eq!(line["request_id"], audited["request_id"], "{line}");
        }
        assert_eq!(audited["trace_id"], TRACE);
        assert!(id.is_none_or(|id| audited["request_id"] == id), "{audited}");
    }
}
