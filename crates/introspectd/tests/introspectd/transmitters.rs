//! Transmitters of events that come, change and go by a reload.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http_body_util::Full;
use tokio::net::TcpStream;

use crate::client::{Reply, exchange, get};
use crate::server::{BASE, Server};

/// Section whose keys nobody serves.
const SECTION: &str = r#"
[events.idp]
issuer = "https://idp.example"
audience = ["us"]
jwks = { url = "http://127.0.0.1:1/jwks" }
"#;

/// Posts a token of this issuer, which nobody has signed.
async fn push(server: &Server, issuer: &str) -> Reply {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = encode(r#"{"alg":"ES256","kid":"a","typ":"secevent+jwt"}"#.to_owned());
    let payload = encode(format!("{{\"iss\":\"{issuer}\"}}"));
    let request = Request::post("/events")
        .header("host", "introspectd")
        .header("content-type", "application/secevent+jwt")
        .body(Full::from(format!("{header}.{payload}.AAAA")))
        .unwrap();
    let stream = TcpStream::connect(server.api()).await.unwrap();
    exchange(stream, request).await
}

async fn postponed(server: &Server) -> Option<u64> {
    let prefix = "introspectd_events_total{transmitter=\"idp\",outcome=\"postponed\"} ";
    let metrics = get(&server.admin(), "/metrics").await.body;
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix(prefix)?.parse().ok())
}

#[tokio::test]
async fn transmitters_come_change_and_go_by_a_reload_and_go_on_counting() {
    let server = Server::start(BASE).await;
    let idp = "https://idp.example";
    assert_eq!(push(&server, idp).await.status, 404);
    assert_eq!(postponed(&server).await, None);

    server.reload(&format!("{BASE}{SECTION}")).await;
    let missing = push(&server, idp).await;
    assert_eq!(missing.status, 503, "{missing:?}");
    assert!(missing.headers.contains_key("retry-after"));
    let unknown = push(&server, "https://other.example").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.body.contains("invalid_issuer"), "{unknown:?}");
    assert_eq!(postponed(&server).await, Some(1));

    let changed = SECTION.replace("\"us\"", "\"us\", \"them\"");
    server.reload(&format!("{BASE}{changed}")).await;
    assert_eq!(postponed(&server).await, Some(1));
    let renamed = changed.replace(idp, "https://other.example");
    server.reload(&format!("{BASE}{renamed}")).await;
    assert_eq!(push(&server, idp).await.status, 400);
    assert_eq!(push(&server, "https://other.example").await.status, 503);
    assert_eq!(postponed(&server).await, Some(2));

    server.reload(BASE).await;
    assert_eq!(push(&server, idp).await.status, 404);
    assert_eq!(postponed(&server).await, None);
}
