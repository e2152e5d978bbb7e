//! What must never be written anywhere: tokens, credentials, and what vendors keep beside them.
//!
//! A test binary of its own, since it listens to everything that this process traces: the gateways, their
//! HTTP libraries, and the simulators and clients as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use http::Request;
use http_body_util::Full;
use introspectd_simulators::{Answer, Fault, Simulator, Vendor, apigee, passport, rfc7662, tibco_asg};
use introspectd_tests::{
    Apigee, EDGE_SECRET, Fixture, Gateway, Passport, Reply, Rfc7662, Room, TibcoAsg, basic, form_body, now,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// In bodies and headers of vendors, and in what strangers send.
const MARK: &str = "do-not-write-me-31415926535";

/// Lines that were written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// The product's log in both its forms, at the most talkative level that an operator can choose, and
/// everything that there is to log.
struct Logs {
    json: Lines,
    human: Lines,
    everything: Lines,
}

static LOGS: LazyLock<Logs> = LazyLock::new(|| {
    let logs = Logs { json: Lines::default(), human: Lines::default(), everything: Lines::default() };
    let writer = |lines: &Lines| {
        let lines = lines.clone();
        move || lines.clone()
    };
    let level = "trace,hyper=trace,h2=trace,hyper_util=trace";
    tracing_subscriber::registry()
        .with(introspectd::log::lines(level, writer(&logs.json), false))
        .with(introspectd::log::lines(level, writer(&logs.human), true))
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer(&logs.everything)))
        .init();
    logs
});

/// Everything secret that a test handled, and everything that was answered.
#[derive(Default)]
struct Watch {
    secrets: BTreeSet<String>,
    answered: Vec<String>,
}

impl Watch {
    fn secret(&mut self, secret: &str) {
        assert!(secret.len() >= 8, "{secret:?} could stand anywhere");
        self.secrets.insert(secret.to_owned());
    }

    fn credential(&mut self, name: &str, secret: &str) {
        self.secret(secret);
        self.secret(basic(name, secret).trim_start_matches("Basic "));
    }

    /// Whatever the gateway authenticated itself with is a secret.
    fn sent<V: Vendor>(&mut self, server: &Simulator<V>) {
        for request in server.requests() {
            let header = request.header("authorization").unwrap_or_default().to_owned();
            if let Some((_, credential)) = header.split_once(' ') {
                self.secret(credential);
            }
        }
        server.forget();
    }

    fn answered(&mut self, reply: &Reply) {
        self.answered.push(reply.everything());
    }

    fn assert_nothing_is_out(&self) {
        for secret in &self.secrets {
            for answer in &self.answered {
                assert!(!answer.contains(secret), "{secret} was answered: {answer}");
            }
            for log in [LOGS.json.text(), LOGS.human.text()] {
                let line = log.lines().find(|line| line.contains(secret.as_str()));
                assert_eq!(line, None, "{secret} was logged");
            }
        }
    }
}

/// Everything that conformance looks at, with secrets wherever a vendor could put them.
async fn whatever_a_vendor_does<V: Fixture>(watch: &mut Watch) {
    let room = Room::<V>::open_with("timeout = \"500ms\"", "").await;
    watch.credential("edge", EDGE_SECRET);
    watch.secret(V::CREDENTIAL);
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
        Fault::Answer(Answer::text(200, "application/json", format!("{{\"{MARK}\": ?"))),
        Fault::Answer(Answer::text(200, MARK, MARK)),
        Fault::Answer(Answer::text(400, "application/json", marked.clone())),
        Fault::Answer(
            Answer::text(401, "application/json", marked.clone()).with_header("www-authenticate", MARK),
        ),
        Fault::Answer(Answer::text(403, "text/plain", marked.clone())),
        Fault::Answer(Answer::text(404, "application/json", marked.clone())),
        Fault::Answer(Answer::text(500, "text/plain", marked)),
        Fault::Answer(Answer::redirect(&format!("http://127.0.0.1:1{target}?x={MARK}"))),
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
    for hostile in ["owners", &format!("../{MARK}"), &format!("{MARK}\r\nX: {MARK}"), &format!("{MARK}%00")] {
        watch.answered(&room.ask(hostile).await);
    }
    watch.sent(&room.server);
    room.server.stop();
    watch.answered(&room.ask(V::ACTIVE).await);
}

/// Strangers, and callers that do it wrong.
async fn whatever_a_client_does(watch: &mut Watch) {
    let room = Room::<TibcoAsg>::open().await;
    let at = |path: &str| format!("http://{}{path}", room.gateway.api());
    let form = "application/x-www-form-urlencoded";
    let token = TibcoAsg::ACTIVE;
    let edge = basic("edge", EDGE_SECRET);
    watch.secret(token);
    watch.secret(MARK);
    for (caller, secret) in [("edge", MARK), (MARK, EDGE_SECRET), (MARK, MARK)] {
        watch.answered(&room.gateway.post_introspect_as(caller, secret, &[("token", token)]).await);
    }
    for (method, path, authorization, kind, body) in [
        ("GET", format!("/introspect?token={token}"), edge.clone(), form, String::new()),
        ("PUT", format!("/introspect?token={token}"), edge.clone(), form, String::new()),
        ("POST", format!("/introspect?token={token}"), edge.clone(), form, String::new()),
        ("POST", format!("/introspect/{token}"), edge.clone(), form, String::new()),
        ("GET", format!("/{token}"), format!("Bearer {token}"), form, String::new()),
        (
            "POST",
            "/introspect".to_owned(),
            format!("Bearer {EDGE_SECRET}"),
            form,
            form_body(&[("token", token)]),
        ),
        ("POST", "/introspect".to_owned(), format!("Bearer {MARK}"), form, form_body(&[("token", token)])),
        ("POST", "/introspect".to_owned(), format!("Digest {MARK}"), MARK, MARK.to_owned()),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            "application/json",
            format!("{{\"token\":\"{token}\"}}"),
        ),
        ("POST", "/introspect".to_owned(), edge.clone(), form, format!("token={token}&token={token}")),
        ("POST", "/introspect".to_owned(), edge.clone(), form, format!("token={token}%zz")),
        ("POST", "/introspect".to_owned(), edge.clone(), form, token.to_owned()),
        ("POST", "/introspect".to_owned(), edge.clone(), form, format!("token={token}&provider={MARK}")),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={token}&token_type_hint={MARK}"),
        ),
        ("POST", "/introspect".to_owned(), edge.clone(), form, format!("token={}", token.repeat(400))),
        ("POST", "/introspect".to_owned(), edge.clone(), form, format!("token={}", token.repeat(2000))),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(at(&path))
            .header("authorization", authorization)
            .header("content-type", kind)
            .header("accept-language", MARK)
            .header("x-request-id", MARK)
            .body(Full::from(body))
            .unwrap();
        watch.answered(&room.gateway.send(request).await);
    }
    for raw in [
        format!("{token} {MARK}\r\n\r\n"),
        format!("POST /introspect HTTP/1.1\r\n{MARK}\r\n\r\n"),
        format!("POST /introspect HTTP/1.1\r\nContent-Length: {MARK}\r\n\r\ntoken={token}"),
        format!(
            "POST /introspect HTTP/1.1\r\nContent-Type: {form}\r\nAuthorization: {edge}\r\nContent-Length: 900\r\n\r\ntoken={token}"
        ),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{token} {MARK}"),
    ] {
        let mut stream = TcpStream::connect(room.gateway.api()).await.unwrap();
        stream.write_all(raw.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good an answer as any.
        let _ = stream.read_to_end(&mut answer).await;
        watch.answered.push(String::from_utf8_lossy(&answer).into_owned());
    }
    watch.sent(&room.server);
}

/// Credentials that we fetch ourselves.
async fn whatever_a_token_endpoint_does(watch: &mut Watch) {
    let server = Simulator::start(Passport::server(now())).await.unwrap();
    watch.credential(passport::CLIENT_ID, passport::CLIENT_SECRET);
    let gateway = Gateway::start(&format!(
        "[providers.bank]\nkind = \"passport\"\nbase_url = \"{}\"\ntimeout = \"1s\"\n\
         credentials = {{ type = \"client_credentials\", client_id = \"{}\", client_secret = {{ literal = \"{}\" }} }}",
        server.base_url(),
        passport::CLIENT_ID,
        passport::CLIENT_SECRET,
    ))
    .await;
    let form = Passport::form(passport::ACTIVE);
    for fault in [
        Fault::Answer(Answer::json(400, json!({"error": MARK, "client_secret": passport::CLIENT_SECRET}))),
        Fault::Answer(Answer::json(200, json!({"access_token": format!("{MARK}\n")}))),
        Fault::Answer(Answer::json(200, json!({"access_token": MARK, "expires_in": MARK}))),
        Fault::Answer(Answer::text(200, "text/html", passport::CLIENT_SECRET)),
        Fault::HangUp,
        Fault::Hang,
        Fault::Truncate,
    ] {
        server.next(fault);
        watch.answered(&gateway.post_introspect(&form).await);
    }
    watch.answered(&gateway.post_introspect(&form).await);
    server.vendor().expire_credentials();
    watch.answered(&gateway.post_introspect(&Passport::form(passport::READER)).await);
    assert_eq!(server.vendor().issued(), 3);
    watch.sent(&server);
}

#[tokio::test]
async fn nothing_secret_is_logged_or_answered() {
    LazyLock::force(&LOGS);
    let mut watch = Watch::default();
    watch.secret(MARK);
    for secret in [
        passport::ACTIVE_ACCESS_TOKEN,
        tibco_asg::REFRESH_TOKEN,
        "619307e5-8e20-4997-9045-c083c123e04f",
        "Nn5Pt2eO",
        apigee::CONSUMER_SECRET,
    ] {
        watch.secret(secret);
    }
    whatever_a_vendor_does::<Passport>(&mut watch).await;
    whatever_a_vendor_does::<TibcoAsg>(&mut watch).await;
    whatever_a_vendor_does::<Apigee>(&mut watch).await;
    whatever_a_vendor_does::<Rfc7662>(&mut watch).await;
    whatever_a_client_does(&mut watch).await;
    whatever_a_token_endpoint_does(&mut watch).await;
    watch.assert_nothing_is_out();

    // All this was logged, though, and for an operator to understand.
    for log in [LOGS.json.text(), LOGS.human.text()] {
        for line in [
            "the provider answered",
            "the provider was of no help",
            "the provider refused our credentials with status 401",
            "refused a request",
            "renewed our credential",
            "could not renew our credential",
        ] {
            assert!(log.contains(line), "{line}");
        }
    }
}

/// Libraries below us write what they send and receive. That none of it is logged is the filter's doing,
/// and not their reticence.
#[tokio::test]
async fn what_libraries_trace_is_kept_out_by_the_filter() {
    const LEAK: &str = "what-a-library-received-27182818";
    LazyLock::force(&LOGS);
    tracing::trace!(target: "hyper::proto::h1", body = LEAK, "received");
    tracing::debug!(target: "h2::codec", "sent {LEAK}");
    tracing::info!(target: "rustls::client", "{LEAK}");
    tracing::info_span!(target: "hyper_util::client", "request", uri = LEAK)
        .in_scope(|| tracing::warn!(target: "introspectd_resolver", "within a library's span"));
    assert_eq!(LOGS.everything.text().matches(LEAK).count(), 4);
    for log in [LOGS.json.text(), LOGS.human.text()] {
        assert!(log.contains("within a library's span"));
        assert!(!log.contains(LEAK));
    }
}

/// A configuration is printed by `introspectd check`, and where something goes wrong.
#[test]
fn a_configuration_prints_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("introspectd.toml");
    let text = [
        format!("[callers.edge]\nsecret = {{ literal = \"{MARK}\" }}"),
        format!("[providers.bank]\n{}", Passport::section("http://127.0.0.1:1")),
        format!("[providers.legacy]\n{}", TibcoAsg::section("http://127.0.0.1:1")),
        format!("[providers.apis]\n{}", Apigee::section("http://127.0.0.1:1")),
        format!("[providers.sso]\n{}", Rfc7662::section("http://127.0.0.1:1")),
        "[providers.post]\nkind = \"rfc7662\"\nintrospection_endpoint = \"http://127.0.0.1:1\"\n\
             credentials = { type = \"client_secret_post\", client_id = \"c\", client_secret = { env = \"MARK\" } }"
            .to_owned(),
        "[providers.grant]\nkind = \"passport\"\nbase_url = \"http://127.0.0.1:1\"\n\
             credentials = { type = \"client_credentials\", client_id = \"c\", client_secret = { env = \"MARK\" } }"
            .to_owned(),
    ]
    .join("\n");
    let environment = HashMap::from([("MARK".to_owned(), MARK.to_owned())]);
    std::fs::write(&file, &text).unwrap();
    let (config, settings) = introspectd::Config::load(&file, &environment).unwrap();
    std::fs::write(&file, format!("{text}\nunheard_of = \"{MARK}\"\n")).unwrap();
    let problems = introspectd::Config::load(&file, &environment).unwrap_err();
    for printed in [format!("{config:#?}"), format!("{settings:?}"), problems.to_string()] {
        for secret in [
            MARK,
            passport::BEARER,
            tibco_asg::CLIENT_SECRET,
            apigee::PASSWORD,
            rfc7662::CLIENT_SECRET,
            basic(rfc7662::CLIENT_ID, rfc7662::CLIENT_SECRET).trim_start_matches("Basic "),
        ] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}
