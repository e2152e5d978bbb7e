use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{self, Either};
use futures_util::stream::FuturesUnordered;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

use crate::server::origin::{Arrival, Origin};
use crate::server::stop::Stop;
use crate::server::tls::Tls;

/// A client that sends a head slowly, or rests between two requests, holds a descriptor, and no longer than
/// this and one [`TICK`] more.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a connection is looked at. A timer that every request sets anew would be exact, and cost each of
/// them more than finding its answer does.
const TICK: Duration = Duration::from_secs(10);

/// What a client has after it was told that its connection ends for its silence.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Head of a request, in bytes: above what proxies let through, below what would be worth sending.
const MAX_HEAD: usize = 32 * 1024;

/// HTTP/2 requests of one connection under way.
const MAX_STREAMS: u32 = 256;

/// A stream that no runtime knows yet.
pub(crate) trait Raw: Send + 'static {
    /// Made known to the runtime that this is called in.
    fn register(self) -> io::Result<(impl Stream, Origin)>;
}

/// What is read from and written to.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for T {}

impl Raw for std::net::TcpStream {
    fn register(self) -> io::Result<(impl Stream, Origin)> {
        let stream = tokio::net::TcpStream::from_std(self)?;
        let origin = stream.peer_addr().map_or(Origin::Unknown, Origin::Tcp);
        Ok((stream, origin))
    }
}

impl Raw for std::os::unix::net::UnixStream {
    fn register(self) -> io::Result<(impl Stream, Origin)> {
        let stream = tokio::net::UnixStream::from_std(self)?;
        let origin = stream.peer_cred().map_or(Origin::Unknown, |peer| Origin::Unix {
            uid: peer.uid(),
            gid: peer.gid(),
            pid: peer.pid(),
        });
        Ok((stream, origin))
    }
}

/// Serves one connection by what `open` makes for it, until it ends, is asked to by `stop`, or has been silent for
/// too long.
pub(crate) async fn serve<O, S, F, B>(stream: impl Raw, tls: Option<Arc<Tls>>, open: O, stop: Stop)
where
    O: FnOnce(&Arrival) -> S + Send,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (stream, origin) = match stream.register() {
        Ok(registered) => registered,
        Err(error) => {
            tracing::warn!(%error, "cannot serve a connection");
            return;
        }
    };
    match tls {
        None => converse(stream, open(&Arrival { origin, ..Arrival::default() }), stop).await,
        Some(tls) => {
            let Some(stream) = shake_hands(stream, &tls, origin, &stop).await else { return };
            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let arrival = Arrival { origin, certificate: certificate.map(|leaf| leaf.to_vec()), tls: true };
            converse(stream, open(&arrival), stop).await;
        }
    }
}

/// What a client has to become one that we understand, and with `client_ca`, know.
const HANDSHAKE: Duration = Duration::from_secs(10);

async fn shake_hands<T: Stream>(stream: T, tls: &Tls, origin: Origin, stop: &Stop) -> Option<TlsStream<T>> {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream)) => shaken,
        () = stop.given() => return None,
    };
    match shaken.map_err(io::Error::from).flatten() {
        Ok(stream) => Some(stream),
        Err(error) => {
            tracing::debug!(%origin, %error, "a client could not agree with us on TLS");
            None
        }
    }
}

async fn converse<S, F, B>(stream: impl Stream, answer: S, stop: Stop)
where
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let requests = Arc::new(Requests::default());
    let counted = Arc::clone(&requests);
    let service = service_fn(move |request| {
        let under_way = counted.begin();
        let reply = answer(request);
        async move {
            let reply = reply.await;
            drop(under_way);
            Ok::<_, Infallible>(reply)
        }
    });
    let http = http();
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // In a set of its own, since that polls it when it has something to say, and not for every request.
    let mut ends: FuturesUnordered<_> = [end(&requests, &stop)].into_iter().collect();
    let ended = match future::select(connection.as_mut(), ends.next()).await {
        Either::Left((ended, _)) => ended,
        Either::Right((why, _)) => {
            connection.as_mut().graceful_shutdown();
            match why {
                Some(End::Silence) => tokio::time::timeout(LAST_WORDS, connection).await.unwrap_or(Ok(())),
                Some(End::Stop) | None => connection.await,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .max_buf_size(MAX_HEAD)
        .header_read_timeout(None)
        // A client may be done with sending before it is answered. And to look for its end, in the middle of a
        // request, would take a new buffer for each.
        .half_close(true)
        // An answer is short: to copy it behind its head costs less than to have the kernel gather it.
        .writev(false);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Duration::from_secs(60));
    http
}

/// Why a connection should end.
enum End {
    Stop,
    Silence,
}

async fn end(requests: &Requests, stop: &Stop) -> End {
    tokio::select! {
        () = stop.given() => End::Stop,
        () = requests.silence() => End::Silence,
    }
}

/// The requests of one connection, counted.
#[derive(Default)]
struct Requests {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// A request whose head has come and whose answer has not gone.
struct UnderWay(Arc<Requests>);

impl Requests {
    fn begin(self: &Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Resolves once none has begun for [`PATIENCE`] and none is under way.
    async fn silence(&self) {
        let (mut seen, mut silent) = (0, Duration::ZERO);
        while silent < PATIENCE {
            tokio::time::sleep(TICK).await;
            let begun = self.begun.load(Relaxed);
            let is_silent = begun == seen && begun == self.ended.load(Relaxed);
            silent = if is_silent { silent + TICK } else { Duration::ZERO };
            seen = begun;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, advance};

    /// After how many seconds a client that sends this, and then nothing, is let go.
    async fn patience_with(first: &[u8]) -> u64 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = listener.accept().await.unwrap().0.into_std().unwrap();
        let open = |_: &Arrival| |_| future::ready(crate::reply::text(http::StatusCode::OK, "x"));
        let (_end, stop) = Stop::new();
        let start = Instant::now();
        let serving = tokio::spawn(serve(stream, None, open, stop));
        client.write_all(first).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        serving.await.unwrap();
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_is_let_go_wherever_it_stopped() {
        for first in [
            &b""[..],
            b"PRI * HTTP/2.0\r\n",
            b"POST /introspect HTTP/1.1\r\nhost:",
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ] {
            let patience = patience_with(first).await;
            assert!((30..=50).contains(&patience), "{patience} s for {first:?}");
        }
    }

    /// After how many seconds it is over.
    async fn silence_of(requests: &Requests) -> u64 {
        let start = Instant::now();
        requests.silence().await;
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_waited_for_half_a_minute() {
        assert!((30..=40).contains(&silence_of(&Requests::default()).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_no_silence_and_its_end_begins_one() {
        let requests = Arc::new(Requests::default());
        let under_way = requests.begin();
        let asking = async {
            advance(Duration::from_secs(3605)).await;
            drop(under_way);
        };
        let (silent, ()) = future::join(silence_of(&requests), asking).await;
        assert!((3635..=3645).contains(&silent), "{silent}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_now_and_then_is_kept() {
        let requests = Arc::new(Requests::default());
        let asking = async {
            for _ in 0..100 {
                advance(Duration::from_secs(29)).await;
                drop(requests.begin());
            }
        };
        let (silent, ()) = future::join(silence_of(&requests), asking).await;
        assert!((2930..=2940).contains(&silent), "{silent}");
    }
}
