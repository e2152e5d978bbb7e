use std::sync::Arc;

use introspectd_core::{BadAnswer, Failure};
use introspectd_front::ListenerIdentity;
use introspectd_server::{
    Arrival, Connections, ListenAddress, Listener, SocketAccess, Stop, Workers, run,
};
use introspectd_test_log::{Level, Log};
use tokio::net::UnixStream;

use crate::bench::{ACTIVE, Bench, EDGE_SECRET};
use crate::client::{Ask, basic, exchange_on, http2_to, received};

/// Our own lines, and warnings of anybody: the binary's filter lets no others out.
fn ours(log: &Log) -> Vec<String> {
    let is_ours = |line: &&str| {
        line.contains(" introspectd") || line.contains("WARN") || line.contains("ERROR")
    };
    log.text()
        .lines()
        .filter(is_ours)
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn nothing_from_a_request_is_logged() {
    let log = Log::start(Level::TRACE);
    let bench = Bench::start().await;
    bench.bank.fails("b_failing-token", Failure::Timeout);
    bench.bank.fails("b_bad-token", BadAnswer::NotAnObject);
    let credentials = basic(&format!("edge:{EDGE_SECRET}"));
    let form = format!("token={ACTIVE}");
    let purge = Ask::form(format!("{{\"token\":\"{ACTIVE}\"}}")).to("POST", "/v1/cache/purge");
    let purge = purge.header("content-type", "application/json");
    let proxied = Ask::form("")
        .to("GET", "/forward-auth/orders")
        .header("authorization", &format!("Bearer {ACTIVE}"))
        .header("x-introspectd-caller", "Bearer operator-secret");
    let asks = [
        Ask::form(form.clone()).by(&credentials),
        Ask::token("b_failing-token"),
        Ask::token("b_bad-token"),
        Ask::token(ACTIVE).by(&basic("edge:secret-of-a-stranger")),
        Ask::token(ACTIVE).by("Bearer secret-of-a-stranger"),
        Ask::form(format!("{form}&{form}")),
        Ask::form(format!("{form}%")),
        Ask::form(format!("{form}&provider=secret-of-a-stranger")),
        Ask::form(form.clone()).header("content-type", "application/json"),
        Ask::form("").to("GET", &format!("/introspect?{form}")),
        Ask::form(form.clone()).to("POST", &format!("/introspect?{form}")),
        Ask::form("").to("GET", &format!("/{ACTIVE}")),
        Ask::form(form.clone()).to("POST", "/revoke"),
        Ask::form("token=b_failing-token")
            .to("POST", "/revoke")
            .by("Bearer admin-secret"),
        Ask::form(format!("{form}&token_type_hint=token_id&provider=bank"))
            .to("POST", "/revoke")
            .by("Bearer admin-secret"),
        purge.clone(),
        purge
            .clone()
            .by("Bearer admin-secret")
            .header("content-type", "text/plain"),
        Ask::form("").to("GET", &format!("/revoke?{form}")),
        Ask::form("").to(
            "GET",
            "/v1/providers/secret-of-a-stranger/tokens/secret-of-a-stranger",
        ),
        proxied.clone(),
        proxied
            .clone()
            .header("x-introspectd-caller", "Bearer secret-of-a-stranger"),
        proxied
            .clone()
            .header("authorization", "Bearer b_failing-token"),
        proxied
            .clone()
            .header("authorization", "Bearer b_bad-token of-a-stranger"),
        proxied
            .header("x-introspectd-caller", &credentials)
            .to("GET", "/forward-auth/secret-of-a-stranger"),
    ];
    for ask in &asks {
        ask.at(&bench).await;
        let mut http2 = http2_to(bench.address).await;
        received(
            http2
                .send_request(ask.http2_request(bench.address))
                .await
                .unwrap(),
            false,
        )
        .await;
    }
    let lines = ours(&log);
    assert!(
        lines
            .iter()
            .filter(|line| line.contains("refused a request"))
            .count()
            >= asks.len(),
        "{lines:#?}"
    );
    let encoded = credentials.strip_prefix("Basic ").unwrap();
    let secrets = [
        ACTIVE,
        "b_failing-token",
        "b_bad-token",
        "of-a-stranger",
        "operator-secret",
    ];
    for secret in secrets.into_iter().chain([EDGE_SECRET, encoded]) {
        let told: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(told.is_empty(), "{secret}: {told:#?}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_not_logged() {
    let log = Log::start(Level::TRACE);
    let bench = Bench::start().await;
    let reply = Ask::form("")
        .to("GET", &format!("/introspect?token={ACTIVE}"))
        .at(&bench)
        .await;
    reply.refuses(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("POST"));
    assert!(!reply.body.contains(ACTIVE));
    let lines = ours(&log);
    assert!(!lines.is_empty());
    assert!(
        lines.iter().all(|line| !line.contains(ACTIVE)),
        "{lines:#?}"
    );
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn refused_caller_is_logged_with_origin_and_policy() {
    let log = Log::start(Level::TRACE);
    let bench = Bench::start().await;
    let ask = Ask::form("")
        .to("GET", "/forward-auth/default")
        .header("x-introspectd-caller", "Bearer confined-secret");
    ask.at(&bench).await.refuses(403, "access_denied");
    let lines = ours(&log);
    let told = |text: &str| {
        lines
            .iter()
            .filter(|line| line.contains("INFO") && line.contains(text))
            .count()
    };
    assert_eq!(told("origin=127.0.0.1:"), 1, "{lines:#?}");
    assert_eq!(
        told("caller=\"confined\" policy=\"default\" error=\"access_denied\""),
        1,
        "{lines:#?}"
    );
}

#[tokio::test]
async fn process_on_a_unix_socket_is_logged_with_its_credentials() {
    let log = Log::start(Level::TRACE);
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener = Listener::bind(&ListenAddress::Unix(path.clone()), SocketAccess::default())
        .await
        .unwrap();
    let (_end, stop) = Stop::new();
    let api = Arc::clone(&bench.api);
    let open = move |arrival: &Arrival| {
        let handler = api.handler(&ListenerIdentity::default(), arrival);
        move |request| Arc::clone(&handler).answer(request)
    };
    tokio::spawn(run(listener, Connections::new(Workers::here()), open, stop));
    let stream = UnixStream::connect(path).await.unwrap();
    let itself = stream.peer_cred().unwrap();
    exchange_on(stream, Ask::token(ACTIVE).by("Bearer wrong").request())
        .await
        .refuses(401, "invalid_client");
    let origin = format!(
        "origin=uid={} gid={} pid={}",
        itself.uid(),
        itself.gid(),
        std::process::id()
    );
    assert!(
        ours(&log).iter().any(|line| line.contains(&origin)),
        "{origin}: {:#?}",
        ours(&log)
    );
}
