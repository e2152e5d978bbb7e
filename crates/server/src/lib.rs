//! Listeners and their connections: sockets, socket activation, TLS, workers, HTTP, shutdown. Nothing here depends on
//! tokens.

mod activity;
mod connection;
mod connections;
mod frames;
mod head;
mod heartbeat;
mod host;
mod http1;
mod http2;
mod listener;
mod origin;
mod passed;
mod places;
mod socket;
mod stop;
#[cfg(test)]
mod tests;
mod tls;
mod unsent;
mod watch;
mod wire;
mod workers;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use connection::{Raw, serve};
pub use connections::Connections;
pub use head::{HEAD_TOO_LONG, HEAD_TOO_LONG_DESCRIPTION, LongHead, X_INTROSPECTD_ERROR};
pub use heartbeat::{Heartbeats, Stalled};
pub use host::names_one_host;
pub use listener::{InvalidAddress, ListenAddress, Listener};
pub use origin::{Arrival, Origin};
pub use passed::Passed;
pub use places::{Places, Standing};
pub use socket::{SocketAccess, SocketListener};
pub use stop::Stop;
pub use tls::{ClientAuth, Protocols, Tls, TlsFiles, TlsProblem};
pub use workers::Workers;

/// Pause after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 and HTTP/2 until `stop`, then lets requests in flight end, for at most the connections'
/// `drain`. Returns whether all of them did.
///
/// Each connection is answered by what `open` makes for it, and stays with one worker.
pub async fn run<O, S, F, B>(listener: Listener, connections: Connections, open: O, stop: Stop) -> bool
where
    O: Fn(&Arrival) -> S + Clone + Send + 'static,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    match listener {
        Listener::Tcp(listener) => run_on(listener, connections, open, stop).await,
        Listener::Unix(listener) => run_on(listener, connections, open, stop).await,
    }
}

async fn run_on<L, O, S, F, B>(listener: L, connections: Connections, open: O, stop: Stop) -> bool
where
    L: Accept,
    O: Fn(&Arrival) -> S + Clone + Send + 'static,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    // Each connection holds a sender: when all are gone, so are they.
    let (open_still, mut ended) = mpsc::channel::<Infallible>(1);
    let terms = connections.terms();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.given() => break,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                report(&error);
                // Out of descriptors, most likely: an idle stranger's would do. To try again at once would only burn
                // the processor.
                connections.places.make_room();
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = connections.places.take() => place,
            () = stop.given() => break,
        };
        let (terms, open, stop, open_still) =
            (Arc::clone(&terms), open.clone(), stop.clone(), open_still.clone());
        connections.workers.spawn(async move {
            serve(stream, place, terms, open, stop).await;
            drop(open_still);
        });
    }
    drop((listener, open_still));
    // Nothing is ever sent, so it ends when the last sender does.
    tokio::time::timeout(connections.drain, ended.recv()).await.is_ok()
}

/// Logs that connections cannot be accepted, at most once a second in the whole process.
fn report(error: &io::Error) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
        *last = Some(Instant::now());
        tracing::warn!(%error, "cannot accept connections; retrying");
    }
}

/// What TCP and Unix listeners have in common.
trait Accept: Send {
    fn accept(&self) -> impl Future<Output = io::Result<impl Raw>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<impl Raw> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Fails on a connection that is gone already, which is no reason to accept less.
        let _ = stream.set_nodelay(true);
        stream.into_std()
    }
}

impl Accept for SocketListener {
    async fn accept(&self) -> io::Result<impl Raw> {
        SocketListener::accept(self).await?.into_std()
    }
}
