//! Requests that were surely not processed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::Reason;
use introspectd_core::{Failure, Outage, Unreachable};
use introspectd_simulators::Fault;
use introspectd_upstream::{Dialect, Request, Upstream};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::authority::Authority;
use crate::provider::{open, rest, silent, until_deadline, upstream, uri};
use crate::tls_server::http2_acceptor;

/// Asks once, so that a connection lies idle.
async fn warm(base_url: &str, upstream: &Upstream) {
    upstream
        .send(Request::get(uri(base_url, "/warm")))
        .await
        .unwrap();
    rest().await;
}

#[tokio::test]
async fn a_request_on_an_idle_connection_that_ends_is_asked_again_once() {
    let server = silent().await;
    let (upstream, base_url) = (open(&server.base_url(), ""), server.base_url());
    for fault in [Fault::HangUp, Fault::Reset] {
        warm(&base_url, &upstream).await;
        server.forget();
        server.next(fault.clone());
        assert!(
            upstream
                .send(Request::get(uri(&base_url, "/x")))
                .await
                .is_ok()
        );
        warm(&base_url, &upstream).await;
        server.next(fault);
        assert!(
            upstream
                .send(
                    Request::post(uri(&base_url, "/x"))
                        .form(&[("token", "t")])
                        .repeatable()
                )
                .await
                .is_ok()
        );
        let targets: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.target)
            .collect();
        assert_eq!(targets, ["/x", "/x", "/warm", "/x", "/x"]);
    }
}

#[tokio::test]
async fn the_second_end_is_told() {
    let server = silent().await;
    let (upstream, base_url) = (open(&server.base_url(), ""), server.base_url());
    for (fault, outage) in [
        (Fault::HangUp, Outage::Closed),
        (Fault::Reset, Outage::Unreachable(Unreachable::Reset)),
    ] {
        warm(&base_url, &upstream).await;
        server.forget();
        server.next(fault.clone());
        server.next(fault);
        let failure = upstream
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .err();
        assert_eq!(
            (failure, server.count()),
            (Some(Failure::outage(outage)), 2)
        );
    }
}

#[tokio::test]
async fn the_repeat_has_what_is_left_of_the_time() {
    let server = silent().await;
    let (upstream, base_url) = (open(&server.base_url(), ""), server.base_url());
    warm(&base_url, &upstream).await;
    server.forget();
    server.next(Fault::HangUp);
    server.next(Fault::Hang);
    let began = Instant::now();
    let repeated = upstream.send(Request::get(uri(&base_url, "/x")));
    let told = until_deadline(&server, 2, repeated).await;
    assert_eq!(told.err(), Some(Failure::Timeout));
    assert!((60..70).contains(&began.elapsed().as_secs()));
}

#[tokio::test]
async fn a_request_on_a_new_connection_is_not_repeated() {
    let server = silent().await;
    server.next(Fault::HangUp);
    let failure = open(&server.base_url(), "")
        .send(Request::get(uri(&server.base_url(), "/x")))
        .await
        .err();
    assert_eq!(
        (failure, server.count()),
        (Some(Failure::outage(Outage::Closed)), 1)
    );
}

#[tokio::test]
async fn a_request_whose_answer_began_is_not_repeated() {
    let server = silent().await;
    let (upstream, base_url) = (open(&server.base_url(), ""), server.base_url());
    warm(&base_url, &upstream).await;
    server.forget();
    server.next(Fault::Truncate);
    assert!(
        upstream
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .is_err()
    );
    assert_eq!(server.count(), 1);
}

/// Behaviour of an HTTP/2 server at the second request that it gets, or at all from that one on.
#[derive(Clone, Copy)]
enum Ends {
    GoAway,
    RefusedStream,
    RefusedStreams,
    Cancel,
}

async fn http2(ends: Ends) -> (String, Authority, Arc<AtomicUsize>) {
    let authority = Authority::new();
    let acceptor = http2_acceptor(&authority);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let count = Arc::new(AtomicUsize::new(0));
    let requests = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    match (requests.fetch_add(1, Ordering::SeqCst), ends) {
                        (1, Ends::GoAway) => connection.abrupt_shutdown(Reason::NO_ERROR),
                        (1, Ends::RefusedStream) | (1.., Ends::RefusedStreams) => {
                            respond.send_reset(Reason::REFUSED_STREAM)
                        }
                        (1, Ends::Cancel) => respond.send_reset(Reason::CANCEL),
                        _ => {
                            let mut body = respond
                                .send_response(http::Response::new(()), false)
                                .unwrap();
                            body.send_data("{}".into(), true).unwrap();
                        }
                    }
                }
            });
        }
    });
    (base_url, authority, count)
}

fn trusting(base_url: &str, authority: &Authority) -> Upstream {
    let more = format!(
        "credentials = {{ type = \"none\" }}\ntls = {{ ca = {:?} }}",
        authority.file()
    );
    upstream(Dialect::FormEndpoint, base_url, &more)
}

#[tokio::test]
async fn what_an_http2_server_did_not_process_is_asked_again_once() {
    for ends in [Ends::GoAway, Ends::RefusedStream] {
        let (base_url, authority, count) = http2(ends).await;
        let upstream = trusting(&base_url, &authority);
        warm(&base_url, &upstream).await;
        assert!(
            upstream
                .send(Request::get(uri(&base_url, "/x")))
                .await
                .is_ok()
        );
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn what_an_http2_server_refuses_again_is_not_asked_a_third_time() {
    let (base_url, authority, count) = http2(Ends::RefusedStreams).await;
    let upstream = trusting(&base_url, &authority);
    warm(&base_url, &upstream).await;
    let request = Request::get(uri(&base_url, "/x"));
    assert!(upstream.send(request).await.is_err());
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_an_http2_server_may_have_processed_is_not_repeated() {
    let (base_url, authority, count) = http2(Ends::Cancel).await;
    let upstream = trusting(&base_url, &authority);
    warm(&base_url, &upstream).await;
    assert!(
        upstream
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .is_err()
    );
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_changes_something_is_not_repeated_over_http2() {
    for ends in [Ends::GoAway, Ends::RefusedStream] {
        let (base_url, authority, count) = http2(ends).await;
        let upstream = trusting(&base_url, &authority);
        warm(&base_url, &upstream).await;
        assert!(
            upstream
                .send(Request::delete(uri(&base_url, "/x")))
                .await
                .is_err()
        );
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}
