//! Two providers on the same threads: whatever one does, the other answers.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use introspectd_core::{Aside, Failure};
use introspectd_simulators::{Fault, Simulator};
use introspectd_upstream::{Dialect, Outbound, Request, Response, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::provider::{Silent, clock, connection, silent, uri};

/// More than the places of the one that misbehaves, and its queue.
const FLOOD: usize = 100;

struct Neighbours {
    _outbound: Outbound,
    bad: Arc<Upstream>,
    good: Arc<Upstream>,
    good_server: Simulator<Silent>,
}

impl Neighbours {
    async fn new(bad_url: &str) -> Self {
        let good_server = silent().await;
        let outbound = Outbound::start(clock()).unwrap();
        let client = |base_url: &str, more: &str| {
            let more = format!("credentials = {{ type = \"none\" }}\n{more}");
            let connection = connection(Dialect::FormEndpoint, base_url, &more);
            Arc::new(Upstream::new(connection, clock(), &outbound))
        };
        Self {
            bad: client(bad_url, "max_in_flight = 40\nqueue = 30"),
            good: client(&good_server.base_url(), ""),
            good_server,
            _outbound: outbound,
        }
    }

    /// Waits until all places of the bad one are taken, and all of its queue.
    async fn is_full(&self) {
        let full = async {
            loop {
                let gauges = self.bad.gauges();
                if (gauges.in_flight, gauges.queue) == (40, 30) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let full = tokio::time::timeout(Duration::from_secs(30), full).await;
        assert!(full.is_ok(), "{:?}", self.bad.gauges());
    }

    /// Floods the bad one, and asks the good one meanwhile.
    async fn good_one_answers(&self, bad_url: &str) -> Vec<JoinHandle<Result<Response, Failure>>> {
        let flood = (0..FLOOD).map(|_| {
            let (bad, target) = (Arc::clone(&self.bad), uri(bad_url, "/x"));
            tokio::spawn(async move { bad.send(Request::get(target)).await })
        });
        let flood: Vec<_> = flood.collect();
        while self.bad.gauges().in_flight == 0 && !flood.iter().any(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            let target = uri(&self.good_server.base_url(), "/x");
            let asked = self.good.send(Request::get(target));
            let answered = tokio::time::timeout(Duration::from_secs(30), asked).await;
            assert!(answered.expect("an answer").is_ok());
        }
        let gauges = self.good.gauges();
        assert_eq!((gauges.in_flight, gauges.queue), (0, 0));
        flood
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_that_hangs_holds_up_no_other() {
    let server = silent().await;
    server.always(Fault::Hang);
    let neighbours = Neighbours::new(&server.base_url()).await;
    let flood = neighbours.good_one_answers(&server.base_url()).await;
    neighbours.is_full().await;
    flood.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_that_drips_holds_up_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // An answer before its question would be none.
                let _ = stream.read(&mut [0; 1024]).await;
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
                let mut pace = tokio::time::interval(Duration::from_millis(50));
                let mut written = stream.write_all(head).await;
                while written.is_ok() {
                    pace.tick().await;
                    written = stream.write_all(b"x").await;
                }
                pending::<()>().await;
            });
        }
    });
    let neighbours = Neighbours::new(&base_url).await;
    let flood = neighbours.good_one_answers(&base_url).await;
    neighbours.is_full().await;
    flood.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_of_large_answers_holds_up_no_other() {
    let server = silent().await;
    server.always(Fault::Oversize(1 << 20));
    let neighbours = Neighbours::new(&server.base_url()).await;
    let flood = neighbours.good_one_answers(&server.base_url()).await;
    flood.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn large_answer_is_read_elsewhere() {
    let server = silent().await;
    let neighbours = Neighbours::new(&server.base_url()).await;
    for (bytes, is_large) in [
        (1_000, false),
        (16_384, false),
        (16_385, true),
        (1 << 20, true),
    ] {
        server.always(Fault::Oversize(bytes));
        let request = Request::get(uri(&server.base_url(), "/x"));
        let aside = Aside::default();
        let mut answer = Box::pin(aside.clone().scope(neighbours.bad.send(request)));
        let first = poll_fn(|cx| {
            let polled = answer.as_mut().poll(cx);
            if polled.is_pending() && !aside.is_wanted() {
                Poll::Pending
            } else {
                Poll::Ready(polled)
            }
        });
        let answer = match first.await {
            Poll::Ready(answer) => answer,
            Poll::Pending => answer.await,
        };
        assert_eq!(answer.unwrap().body.len(), bytes);
        assert_eq!(aside.is_wanted(), is_large, "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_that_closes_every_connection_holds_up_no_other() {
    let server = silent().await;
    server.always(Fault::Reset);
    let neighbours = Neighbours::new(&server.base_url()).await;
    for ended in neighbours.good_one_answers(&server.base_url()).await {
        assert!(ended.await.unwrap().is_err());
    }
}
