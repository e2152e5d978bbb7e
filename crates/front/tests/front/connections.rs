use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, UNKNOWN, soon};
use crate::client::{Ask, FORM, http2_to, received};
use crate::provider::good;

fn raw(body: &str) -> String {
    format!(
        "POST /introspect HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator-secret\r\n\
         content-type: {FORM}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Status and body of the next reply.
async fn next_reply(stream: &mut (impl AsyncBufReadExt + Unpin)) -> (String, String) {
    let mut line = String::new();
    soon("an answer", stream.read_line(&mut line))
        .await
        .unwrap();
    let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        soon("a header", stream.read_line(&mut line)).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    soon("a body", stream.read_exact(&mut body)).await.unwrap();
    (status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let bench = Bench::start().await;
    let (reading, mut writing) = TcpStream::connect(bench.address)
        .await
        .unwrap()
        .into_split();
    let mut requests = String::new();
    for number in 0..200 {
        bench.bank.knows(&format!("b_{number}"), {
            let mut token = good();
            token.sub = Some(number.to_string());
            token
        });
        requests += &raw(&format!("token=b_{number}"));
    }
    let sent = tokio::spawn(async move {
        writing.write_all(requests.as_bytes()).await.unwrap();
        writing
    });
    let mut replies = BufReader::new(reading);
    for number in 0..200 {
        let (status, body) = next_reply(&mut replies).await;
        assert_eq!(status, "200");
        assert!(
            body.contains(&format!("\"sub\":\"{number}\"")),
            "{number}: {body}"
        );
    }
    let _open = sent.await.unwrap();
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_usable() {
    let bench = Bench::start().await;
    let mut stream = BufReader::new(TcpStream::connect(bench.address).await.unwrap());
    let refused = raw("token=").replace("operator-secret", "wrong-secret");
    for (request, status) in [
        (refused, "401"),
        (raw("token="), "400"),
        (raw(&format!("token={ACTIVE}")), "200"),
    ] {
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(next_reply(&mut stream).await.0, status);
    }
}

#[tokio::test]
async fn slow_body_delays_no_other_request() {
    let bench = Bench::start().await;
    let mut slow = BufReader::new(TcpStream::connect(bench.address).await.unwrap());
    for byte in raw(&format!("token={ACTIVE}")).bytes() {
        slow.write_all(&[byte]).await.unwrap();
        if byte == b'_' {
            assert!(!Ask::token(UNKNOWN).at(&bench).await.is_active());
        }
    }
    assert_eq!(next_reply(&mut slow).await.0, "200");
}

#[tokio::test]
async fn departure_of_a_client_affects_no_other() {
    let bench = Bench::start().await;
    let request = raw(&format!("token={ACTIVE}"));
    for end in [0, 1, 20, request.len() - 30, request.len() - 1] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream.write_all(&request.as_bytes()[..end]).await.unwrap();
        drop(stream);
    }
    assert!(!Ask::token(UNKNOWN).at(&bench).await.is_active());
    assert_eq!(bench.bank.asked(), [UNKNOWN], "half a request is none");
}

#[tokio::test]
async fn abandoned_answer_serves_the_next_request() {
    let bench = Bench::start().await;
    bench.bank.hold();
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    stream
        .write_all(raw(&format!("token={ACTIVE}")).as_bytes())
        .await
        .unwrap();
    bench.bank.arrived(1).await;
    drop(stream);
    bench.bank.release();
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    assert_eq!(bench.bank.asked(), [ACTIVE]);
}

#[tokio::test]
async fn many_connections_are_served_side_by_side() {
    let bench = Bench::start().await;
    bench.bank.hold();
    let tokens: Vec<_> = (0..150).map(|number| format!("b_{number}")).collect();
    for token in &tokens {
        bench.bank.knows(token, good());
    }
    let release = async {
        bench.bank.arrived(tokens.len()).await;
        bench.bank.release();
    };
    let asked = tokens
        .iter()
        .map(|token| async { Ask::token(token).at(&bench).await });
    let (replies, ()) = futures_util::future::join(join_all(asked), release).await;
    assert!(replies.iter().all(crate::client::Reply::is_active));
}

#[tokio::test]
async fn many_streams_of_http_2_are_served_side_by_side() {
    let bench = Bench::start().await;
    bench.bank.hold();
    let http2 = http2_to(bench.address).await;
    let tokens: Vec<_> = (0..150).map(|number| format!("b_{number}")).collect();
    for token in &tokens {
        bench.bank.knows(token, good());
    }
    let release = async {
        bench.bank.arrived(tokens.len()).await;
        bench.bank.release();
    };
    let asked = tokens.iter().map(|token| async {
        let request = Ask::token(token).http2_request(bench.address);
        let response = soon("an answer", http2.clone().send_request(request))
            .await
            .unwrap();
        received(response, false).await
    });
    let (replies, ()) = futures_util::future::join(join_all(asked), release).await;
    assert!(replies.iter().all(crate::client::Reply::is_active));
}

#[tokio::test]
async fn both_protocols_give_the_same_answers() {
    let bench = Bench::start().await;
    let mut http2 = http2_to(bench.address).await;
    for ask in [
        Ask::token("of-no-provider"),
        Ask::form(""),
        Ask::token(ACTIVE).by("Bearer wrong"),
        Ask::token(ACTIVE).by("Bearer idle-secret"),
        Ask::token(ACTIVE).and("authorization", "Bearer operator-secret"),
        Ask::token(ACTIVE).to("POST", "/nothing"),
        Ask::token(ACTIVE).to("GET", "/introspect"),
        Ask::form("a".repeat(64 * 1024 + 1)),
        Ask::token(ACTIVE).without("content-type"),
    ] {
        let old = ask.at(&bench).await;
        let request = ask.http2_request(bench.address);
        let new = received(
            soon("an answer", http2.send_request(request))
                .await
                .unwrap(),
            false,
        )
        .await;
        assert_eq!((new.status, &new.body), (old.status, &old.body));
    }
}

#[tokio::test]
async fn refusal_reaches_a_client_that_continues_to_send() {
    let bench = Bench::start().await;
    let body = "a".repeat(1 << 20);
    for (request, status) in [
        (raw(&body), "413"),
        (raw(&body).replace("operator-secret", "wrong-secret"), "401"),
        (raw(&body).replace(FORM, "text/plain"), "415"),
        (raw(&body).replace("/introspect", "/nothing"), "404"),
    ] {
        let mut stream = BufReader::new(TcpStream::connect(bench.address).await.unwrap());
        // It may be refused while it is sent.
        let _ = soon(
            "the body to be taken or refused",
            stream.write_all(request.as_bytes()),
        )
        .await;
        assert_eq!(next_reply(&mut stream).await.0, status);
    }
}
