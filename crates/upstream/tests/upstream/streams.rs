//! Streams of HTTP/2 connections: further connections in place of a hidden queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use h2::server::SendResponse;
use introspectd_upstream::{Dialect, Request, Upstream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;
use crate::provider::{upstream, uri};
use crate::tls_server::http2_acceptor;

/// HTTP/2 server that allows so many streams on a connection, and holds what is below `/slow`.
struct Server {
    base_url: String,
    authority: Authority,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Connections that are open now.
    open: AtomicUsize,
    /// Most streams of one connection at a time.
    most_streams: AtomicUsize,
    slow: watch::Sender<usize>,
    may_answer: watch::Sender<bool>,
}

impl Server {
    async fn start(max_streams: u32) -> Self {
        let authority = Authority::new();
        let acceptor = http2_acceptor(&authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(serve(acceptor, stream, max_streams, seen));
            }
        });
        Self {
            base_url: format!("https://localhost:{port}"),
            authority,
            seen,
        }
    }

    fn upstream(&self, more: &str) -> Arc<Upstream> {
        let more = format!(
            "credentials = {{ type = \"none\" }}\ntls = {{ ca = {:?} }}\n{more}",
            self.authority.file()
        );
        Arc::new(upstream(Dialect::FormEndpoint, &self.base_url, &more))
    }

    /// Sends requests that are held, and waits until all of them have arrived.
    async fn hold(&self, upstream: &Arc<Upstream>, count: usize) -> Vec<JoinHandle<bool>> {
        let slow = (0..count).map(|_| {
            let (upstream, target) = (Arc::clone(upstream), uri(&self.base_url, "/slow"));
            tokio::spawn(async move { upstream.send(Request::get(target)).await.is_ok() })
        });
        let slow = slow.collect();
        let mut arrived = self.seen.slow.subscribe();
        let all = arrived.wait_for(|arrived| *arrived >= count);
        let all = tokio::time::timeout(Duration::from_secs(60), all).await;
        all.expect("a request waits for a stream").unwrap();
        slow
    }

    fn release(&self) {
        self.seen.may_answer.send_replace(true);
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, max_streams: u32, seen: Arc<Seen>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    seen.connections.fetch_add(1, Ordering::SeqCst);
    seen.open.fetch_add(1, Ordering::SeqCst);
    let mut builder = h2::server::Builder::new();
    let handshake = builder
        .max_concurrent_streams(max_streams)
        .handshake::<_, bytes::Bytes>(stream);
    let streams = Arc::new(AtomicUsize::new(0));
    if let Ok(mut connection) = handshake.await {
        while let Some(Ok((request, respond))) = connection.accept().await {
            let now = streams.fetch_add(1, Ordering::SeqCst) + 1;
            seen.most_streams.fetch_max(now, Ordering::SeqCst);
            let is_slow = request.uri().path() == "/slow";
            let (seen, streams) = (Arc::clone(&seen), Arc::clone(&streams));
            tokio::spawn(async move {
                if is_slow {
                    seen.slow.send_modify(|slow| *slow += 1);
                    let mut may_answer = seen.may_answer.subscribe();
                    let _ = may_answer.wait_for(|may| *may).await;
                }
                streams.fetch_sub(1, Ordering::SeqCst);
                answer(respond);
            });
        }
    }
    seen.open.fetch_sub(1, Ordering::SeqCst);
}

fn answer(mut respond: SendResponse<bytes::Bytes>) {
    // The client may have gone away.
    if let Ok(mut body) = respond.send_response(http::Response::new(()), false) {
        let _ = body.send_data("{}".into(), true);
    }
}

#[tokio::test]
async fn quick_requests_wait_for_no_slow_ones() {
    let server = Server::start(10).await;
    let upstream = server.upstream("");
    // The protocol is known from here on.
    let target = uri(&server.base_url, "/quick");
    upstream.send(Request::get(target)).await.unwrap();
    let slow = server.hold(&upstream, 60).await;
    for _ in 0..20 {
        let target = uri(&server.base_url, "/quick");
        let quick = upstream.send(Request::get(target));
        let answered = tokio::time::timeout(Duration::from_secs(20), quick).await;
        assert!(answered.expect("no wait for a stream").is_ok());
    }
    let most = server.seen.most_streams.load(Ordering::SeqCst);
    assert!(most <= 10, "{most}");
    // Six full ones, and one for the quick; a few more where several were opened at once.
    assert!(
        (7..=12).contains(&server.connections()),
        "{}",
        server.connections()
    );
    server.release();
    for slow in slow {
        assert!(slow.await.unwrap());
    }
}

#[tokio::test]
async fn crowd_shares_a_connection_where_it_has_room() {
    let server = Server::start(1000).await;
    let upstream = server.upstream("");
    let target = || uri(&server.base_url, "/quick");
    // The protocol is known from here on.
    upstream.send(Request::get(target())).await.unwrap();
    let crowd = (0..500).map(|_| upstream.send(Request::get(target())));
    assert!(join_all(crowd).await.iter().all(Result::is_ok));
    // The first may not have been known to allow more when the crowd came.
    assert!(server.connections() <= 2, "{}", server.connections());
}

#[tokio::test]
async fn crowd_before_the_protocol_is_known_leaves_few_connections() {
    let server = Server::start(1000).await;
    let upstream = server.upstream("");
    let target = || uri(&server.base_url, "/quick");
    let crowd = (0..50).map(|_| upstream.send(Request::get(target())));
    assert!(join_all(crowd).await.iter().all(Result::is_ok));
    let open = || server.seen.open.load(Ordering::SeqCst);
    let closed = async {
        while open() > 1 {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), closed)
            .await
            .is_ok(),
        "{}",
        open()
    );
}

#[tokio::test]
async fn stream_is_free_again_however_its_request_ends() {
    let server = Server::start(2).await;
    let upstream = server.upstream("timeout = \"20s\"");
    for _ in 0..3 {
        let slow = server.hold(&upstream, 2).await;
        // Their deadline comes in a leap.
        tokio::time::pause();
        for slow in slow {
            assert!(!slow.await.unwrap(), "a timeout");
        }
        tokio::time::resume();
        server.seen.slow.send_replace(0);
    }
    let target = uri(&server.base_url, "/quick");
    assert!(upstream.send(Request::get(target)).await.is_ok());
    assert!(server.connections() <= 2, "{}", server.connections());
}
