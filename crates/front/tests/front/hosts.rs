//! Requests that name their host not at all, or twice.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, http2_to, received};

async fn status_of(bench: &Bench, version: &str, path: &str, hosts: &str) -> String {
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = format!("GET {path} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn http_1_1_request_with_two_hosts_or_none_is_refused() {
    let bench = Bench::start().await;
    for path in ["/openapi.json", "/introspect", "/forward-auth", "/nothing"] {
        for hosts in ["", "host: a\r\nhost: a\r\n", "host: a\r\nHOST: b\r\n"] {
            assert_eq!(
                status_of(&bench, "1.1", path, hosts).await,
                "400",
                "{path} {hosts}"
            );
        }
    }
    assert_eq!(
        status_of(&bench, "1.1", "/openapi.json", "host: a\r\n").await,
        "200"
    );
}

#[tokio::test]
async fn http_1_0_request_needs_no_host_and_takes_no_two() {
    let bench = Bench::start().await;
    assert_eq!(status_of(&bench, "1.0", "/openapi.json", "").await, "200");
    assert_eq!(
        status_of(&bench, "1.0", "/openapi.json", "host: a\r\nhost: b\r\n").await,
        "400"
    );
}

#[tokio::test]
async fn http_2_request_with_two_hosts_or_another_than_its_authority_is_refused() {
    let bench = Bench::start().await;
    let mut http2 = http2_to(bench.address).await;
    let same = bench.address.to_string();
    for (hosts, status) in [
        (&[][..], 200),
        (&[same.as_str()], 200),
        (&["a.example"], 400),
        (&[same.as_str(), same.as_str()], 400),
    ] {
        let mut request = Ask::token(ACTIVE).http2_request(bench.address);
        for host in hosts {
            request.headers_mut().append("host", host.parse().unwrap());
        }
        let response = soon("an answer", http2.send_request(request))
            .await
            .unwrap();
        assert_eq!(received(response, false).await.status, status, "{hosts:?}");
    }
}
