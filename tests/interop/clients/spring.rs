//! Spring Security's `SpringOpaqueTokenIntrospector`, by the requests that it makes.
//!
//! They are written down from its source and that of the HTTP clients below it; no Java runs here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{ASCII_CALLER, ASCII_SECRET, CALLER, GOOD, Harness, REVOKED, SECRET};

/// Sends a request and returns the status and the body of the answer.
async fn exchange(
    harness: &Harness,
    fields: &str,
    authorization: &str,
    token: &str,
) -> (u16, Value) {
    let address = harness.gateway.api();
    let form = format!("token={token}");
    let request = format!(
        "POST /introspect HTTP/1.1\r\n{fields}Authorization: {authorization}\r\nHost: {address}\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: application/json"),
        "{head}"
    );
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        serde_json::from_str(body).unwrap(),
    )
}

/// `RestTemplate` on `HttpURLConnection`, its default.
const REST_TEMPLATE: &str = "Accept: application/json\r\n\
    Content-Type: application/x-www-form-urlencoded;charset=UTF-8\r\n\
    User-Agent: Java/21.0.5\r\nConnection: keep-alive\r\n";

/// `RestTemplate` on the JDK's `HttpClient`, which offers HTTP/2 on each new plain connection.
const JDK_CLIENT: &str = "Connection: Upgrade, HTTP2-Settings\r\n\
    HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\
    User-Agent: Java-http-client/21.0.5\r\nAccept: application/json\r\n\
    Content-Type: application/x-www-form-urlencoded;charset=UTF-8\r\n";

/// `WebClient` on Reactor Netty, of the reactive introspector.
const WEB_CLIENT: &str = "user-agent: ReactorNetty/1.2.0\r\naccept: application/json\r\n\
    content-type: application/x-www-form-urlencoded;charset=UTF-8\r\n";

/// Since 6.5 the credentials are form-encoded as `URLEncoder` does it; before, they were sent as
/// they are.
fn authorizations() -> [String; 2] {
    let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    [
        format!("{CALLER}:{encoded}"),
        format!("{ASCII_CALLER}:{ASCII_SECRET}"),
    ]
    .map(basic)
}

fn basic(credentials: String) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

#[tokio::test]
async fn requests_of_spring_security_are_understood() {
    let harness = Harness::open().await;
    for fields in [REST_TEMPLATE, JDK_CLIENT, WEB_CLIENT] {
        for authorization in authorizations() {
            let (status, claims) = exchange(&harness, fields, &authorization, GOOD).await;
            assert_eq!(status, 200, "{fields} {claims}");
            // What it reads, in the types that it casts them to.
            assert_eq!(claims["active"], true);
            assert!(claims["exp"].is_i64() && claims["iat"].is_i64(), "{claims}");
            assert_eq!(claims["scope"], "orders.read orders.write");
            assert_eq!(claims["client_id"], "shop");
            let inactive = exchange(&harness, fields, &authorization, REVOKED).await;
            assert_eq!(inactive, (200, json!({ "active": false })), "{fields}");
        }
    }
}

#[tokio::test]
async fn spring_security_sees_a_wrong_secret_as_such() {
    let harness = Harness::open().await;
    let wrong = basic(format!("{CALLER}:another"));
    let (status, body) = exchange(&harness, REST_TEMPLATE, &wrong, GOOD).await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
}
