//! An authorization server that says each of its answers twice.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use introspectd_tests::{Gateway, NOW};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};

const TOKENS: usize = 2000;

/// An RFC 7662 server over HTTP/1.1 that calls every token active, and names its user in `sub`.
/// Says its answer again after this time.
///
/// With how many connections to it are open.
async fn repeating(delay: Duration) -> (String, watch::Receiver<usize>) {
    let (open, opened) = watch::channel(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            open.send_modify(|open| *open += 1);
            let open = open.clone();
            tokio::spawn(async move {
                serve(stream, delay).await;
                open.send_modify(|open| *open -= 1);
            });
        }
    });
    (format!("http://{address}/introspect"), opened)
}

async fn serve(stream: TcpStream, delay: Duration) {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let writer = Arc::new(Mutex::new(writer));
    while let Some(form) = form(&mut reader).await {
        let number = form.strip_prefix("token=t").unwrap();
        let body =
            json!({"active": true, "sub": format!("user-{number}"), "exp": NOW + 3600}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}",
            body.len()
        );
        let answer = format!("{head}\r\n\r\n{body}");
        if writer
            .lock()
            .await
            .write_all(answer.as_bytes())
            .await
            .is_err()
        {
            return;
        }
        let writer = Arc::clone(&writer);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(delay, pending::<()>()).await;
            let _ = writer.lock().await.write_all(answer.as_bytes()).await;
        });
    }
}

async fn form(reader: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    let mut length = 0;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).await.ok()?;
    String::from_utf8(form).ok()
}

/// Counts the tokens with a wrong answer: fresh from the server, and from the cache.
async fn wrong(gateway: &Gateway) -> (usize, usize) {
    let asked = stream::iter(0..TOKENS).map(|number| async move {
        let token = format!("t{number}");
        let reply = gateway.post_introspect(&[("token", &token)]).await;
        // A question whose answers were doubted twice has none.
        if reply.status == 503 {
            return (1, 0);
        }
        assert_eq!(reply.status, 200);
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        let is_wrong = usize::from(answer["sub"] != format!("user-{number}"));
        if reply.cache() == Some("miss") {
            (is_wrong, 0)
        } else {
            (0, is_wrong)
        }
    });
    let all = asked.buffer_unordered(8).collect::<Vec<_>>().await;
    all.into_iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

async fn in_front_of(endpoint: &str) -> Gateway {
    let sso = format!(
        "[routing]\nunmatched = \"sso\"\n[providers.sso]\nkind = \"rfc7662\"\ntimeout = \"30s\"\n\
         introspection_endpoint = {endpoint:?}\ncredentials = {{ type = \"none\" }}"
    );
    Gateway::start(&sso).await
}

#[tokio::test]
async fn late_duplicate_responses_are_never_attributed_to_another_token() {
    for delay in [Duration::from_millis(1), Duration::from_millis(5)] {
        let (endpoint, mut connections) = repeating(delay).await;
        let gateway = in_front_of(&endpoint).await;
        for _ in 0..2 {
            let (fresh, cached) = wrong(&gateway).await;
            assert_eq!(cached, 0);
            // A repetition that a busy machine makes later than a connection rests may still be
            // taken for the next answer. What it said is dropped when the right one comes.
            assert!(fresh <= TOKENS / 400, "{fresh}");
            // Each was closed for what it brought.
            let closed = connections.wait_for(|open| *open == 0);
            tokio::time::timeout(Duration::from_secs(60), closed)
                .await
                .unwrap()
                .unwrap();
        }
    }
}
