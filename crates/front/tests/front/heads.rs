use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, http2_to, received};

/// All that comes back until the connection ends; a reset ends it, too.
async fn all_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = soon("the end of the connection", stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_long_head_is_taken_up_to_its_limit() {
    let bench = Bench::start().await;
    let cookie = "c".repeat(30 * 1024);
    assert!(Ask::token(ACTIVE).header("cookie", &cookie).at(&bench).await.is_active());
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE).header("cookie", &cookie).http2_request(bench.address);
    assert!(received(http2.send_request(request).await.unwrap(), false).await.is_active());
}

#[tokio::test]
async fn a_head_over_32_kib_is_refused_without_harm_to_others() {
    let bench = Bench::start().await;
    let mut neighbour = http2_to(bench.address).await;
    for head in [
        format!("POST /introspect HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(40 * 1024)),
        format!("POST /introspect?{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(40 * 1024)),
        format!("POST /introspect HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(8 * 1024)),
        // Without an end: what is kept is bounded.
        format!("POST /introspect HTTP/1.1\r\nx: {}", "a".repeat(4 << 20)),
    ] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        // It may be refused while it is sent.
        let _ = soon("the head to be taken or refused", stream.write_all(head.as_bytes())).await;
        let reply = all_of(&mut stream).await;
        let refused = ["", "HTTP/1.1 431 ", "HTTP/1.1 414 "]
            .iter()
            .any(|status| if status.is_empty() { reply.is_empty() } else { reply.starts_with(status) });
        assert!(refused, "{reply}");
        assert!(!reply.contains("aaaa"));
        let request = Ask::token(ACTIVE).http2_request(bench.address);
        assert!(received(neighbour.send_request(request).await.unwrap(), false).await.is_active());
    }
}

#[tokio::test]
async fn a_head_over_32_kib_is_refused_over_http_2() {
    let bench = Bench::start().await;
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE).header("x", &"a".repeat(40 * 1024)).http2_request(bench.address);
    match soon("a refusal", http2.send_request(request)).await {
        Ok(response) => assert_eq!(response.status(), 431),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    assert_eq!(bench.bank.asked(), [ACTIVE]);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let bench = Bench::start().await;
    for nonsense in ["\r\n\r\n\r\nnonsense\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", "GET\r\n\r\n"] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let reply = all_of(&mut stream).await;
        assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400 "), "{reply}");
    }
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
}
