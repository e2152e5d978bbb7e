//! Rates of callers: counted once for each request, before permission, policy and body.

use introspectd_front::{BadMessage, ListenerIdentity};
use introspectd_server::Arrival;
use introspectd_service::EndpointName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, Reply, received};

const LIMITED: &str = "Bearer limited-secret";
const CALLER: &str = "x-introspectd-caller";

fn introspect() -> Ask {
    Ask::token(ACTIVE).by(LIMITED)
}

fn forward_auth(policy: &str) -> Ask {
    let ask = Ask::form("").to("GET", &format!("/forward-auth/{policy}"));
    ask.by(&format!("Bearer {ACTIVE}")).header(CALLER, LIMITED)
}

impl Reply {
    #[track_caller]
    fn is_rate_limited(&self, seconds: &str) {
        self.refuses(429, "rate_limited");
        assert_eq!(self.header("retry-after"), Some(seconds), "{self:#?}");
    }
}

/// Uses up the burst of three, one request for each kind of endpoint.
async fn use_up(bench: &Bench) {
    assert!(introspect().at(bench).await.is_active());
    assert_eq!(forward_auth("default").at(bench).await.status, 200);
    let own = Ask::form("").to("GET", "/v1/providers").by(LIMITED);
    assert_eq!(own.at(bench).await.status, 200);
}

#[tokio::test]
async fn one_rate_covers_all_endpoints() {
    let bench = Bench::start().await;
    use_up(&bench).await;
    introspect().at(&bench).await.is_rate_limited("60");
    let denied = forward_auth("default").at(&bench).await;
    denied.is_rate_limited("60");
    assert_eq!(denied.header("x-introspectd-error"), Some("rate_limited"));
    for (method, path) in [
        ("GET", "/v1/providers"),
        ("POST", "/v1/cache/purge"),
        ("POST", "/revoke"),
        ("GET", "/v1/tokens"),
    ] {
        let reply = introspect().to(method, path).at(&bench).await;
        reply.is_rate_limited("60");
    }
    bench.clock.advance(59);
    introspect().at(&bench).await.is_rate_limited("1");
    bench.clock.advance(1);
    assert!(introspect().at(&bench).await.is_active());
    introspect().at(&bench).await.is_rate_limited("60");
}

#[tokio::test]
async fn rate_asks_no_provider_and_touches_no_other_caller() {
    let bench = Bench::start().await;
    for _ in 0..20 {
        Ask::token("b_new").by(LIMITED).at(&bench).await;
    }
    assert_eq!(
        bench.bank.asked().len(),
        1,
        "it was cached, and then refused"
    );
    let asked = bench.bank.asked().len();
    Ask::token("b_other")
        .by(LIMITED)
        .at(&bench)
        .await
        .is_rate_limited("60");
    assert_eq!(bench.bank.asked().len(), asked);
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
}

#[tokio::test]
async fn refused_requests_count_and_the_rate_comes_first() {
    let bench = Bench::start().await;
    let without_permission = || Ask::token(ACTIVE).by("Bearer limited-idle-secret");
    for _ in 0..3 {
        let reply = without_permission().at(&bench).await;
        reply.refuses(403, "access_denied");
    }
    without_permission().at(&bench).await.is_rate_limited("60");

    let unreadable = || introspect().header("content-type", "text/plain");
    for _ in 0..2 {
        unreadable()
            .at(&bench)
            .await
            .refuses(415, "unsupported_media_type");
    }
    forward_auth("nothing")
        .at(&bench)
        .await
        .refuses(404, "not_found");
    unreadable().at(&bench).await.is_rate_limited("60");
    forward_auth("nothing")
        .at(&bench)
        .await
        .is_rate_limited("60");
}

#[tokio::test]
async fn strangers_and_unknown_paths_count_against_no_caller() {
    let bench = Bench::start().await;
    for _ in 0..10 {
        Ask::token(ACTIVE)
            .by("Bearer wrong")
            .at(&bench)
            .await
            .refuses(401, "invalid_client");
        introspect()
            .to("POST", "/nothing")
            .at(&bench)
            .await
            .refuses(404, "not_found");
        introspect()
            .to("PUT", "/introspect")
            .at(&bench)
            .await
            .refuses(405, "method_not_allowed");
    }
    use_up(&bench).await;
}

#[tokio::test]
async fn policy_may_rename_the_status_of_a_rate() {
    let bench = Bench::start().await;
    use_up(&bench).await;
    for (policy, status) in [
        ("default", 429),
        ("as-401", 401),
        ("as-403", 403),
        ("as-503", 503),
    ] {
        let reply = forward_auth(policy).at(&bench).await;
        reply.refuses(status, "rate_limited");
        assert_eq!(reply.header("x-introspectd-error"), Some("rate_limited"));
        assert_eq!(reply.header("retry-after"), Some("60"));
    }
}

#[tokio::test]
async fn call_of_a_proxy_counts_once_before_its_message_is_read() {
    let bench = Bench::start().await;
    let identity = ListenerIdentity {
        caller: None,
        takes_caller_header: true,
    };
    let handler = bench.api.handler(&identity, &Arrival::default());
    let own = forward_auth("default").request().into_parts().0.headers;
    for _ in 0..2 {
        let proxy = handler.admit(handler.begin(EndpointName::ExtAuthz), &own);
        assert!(handler.refuse_unadmitted(&proxy).is_none());
        assert!(handler.decide(&proxy, "default", &own, None).await.is_ok());
    }
    // The message of the third cannot be read, and it counts all the same.
    let proxy = handler.admit(handler.begin(EndpointName::ExtAuthz), &own);
    handler.refuse_message(&proxy, BadMessage::Malformed);
    let proxy = handler.admit(handler.begin(EndpointName::ExtAuthz), &own);
    let refusal = handler.refuse_unadmitted(&proxy).unwrap();
    received(refusal, false).await.is_rate_limited("60");
}

/// The refusal comes before the body, which may be on its way: it is read to its end, or the
/// connection says that it closes.
#[tokio::test]
async fn next_request_on_a_kept_connection_meets_no_reset() {
    let bench = Bench::start().await;
    use_up(&bench).await;
    let mut stream = BufReader::new(TcpStream::connect(bench.address).await.unwrap());
    let body = format!("token={ACTIVE}{}", "&x=y".repeat(4000));
    let head = format!(
        "POST /introspect HTTP/1.1\r\nhost: x\r\nauthorization: {LIMITED}\r\ncontent-type: \
         application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..20 {
        stream.write_all(head.as_bytes()).await.unwrap();
        // Half of it, after which the server has a reason to answer.
        let (half, rest) = body.split_at(body.len() / 2);
        stream.write_all(half.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        let (mut line, mut length) = (String::new(), 0);
        soon("a status", stream.read_line(&mut line)).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 429 "), "{line}");
        while soon("a header", stream.read_line(&mut line)).await.unwrap() > 2 {
            let last = line.lines().last().unwrap_or_default().to_ascii_lowercase();
            assert_ne!(last, "connection: close");
            if let Some(value) = last.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        stream.read_exact(&mut vec![0; length]).await.unwrap();
    }
}
