//! Listeners and their connections: sockets, socket activation, TLS, workers, HTTP, shutdown.
//! Nothing here depends on tokens.

mod activation;
mod activity;
mod connection;
mod connections;
mod frames;
mod head;
mod heartbeat;
mod host;
mod http1;
mod http2;
mod lane;
mod listener;
mod open;
mod operators;
mod origin;
mod places;
mod requests;
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

pub use activation::Activation;
use connection::{Raw, serve};
pub use connections::Connections;
pub use head::{HEAD_TOO_LONG, HEAD_TOO_LONG_DESCRIPTION, LongHead, X_INTROSPECTD_ERROR};
pub use heartbeat::{Heartbeats, Stalled};
pub use host::names_one_host;
pub use lane::Lane;
pub use listener::{InvalidAddress, ListenAddress, Listener};
pub use open::Open;
pub use origin::{Arrival, Origin};
pub use places::{Places, Standing};
pub use requests::{Requests, Shed};
pub use socket::{SocketAccess, SocketListener};
pub use stop::{Drain, Stop};
pub use tls::{ClientAuth, Protocols, Tls, TlsFiles, TlsProblem};
pub use workers::Workers;

/// Pause after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 and HTTP/2 until `stop`, then drains requests in flight for at most the
/// connections' `drain`. Returns true if all of them ended.
///
/// Each connection is answered by the handler that `open` makes for it, and remains on one worker
/// unless it belongs to another [`Lane`].
pub async fn run<O, S, F, B>(
    listener: Listener,
    connections: Connections,
    open: O,
    stop: Stop,
) -> bool
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
    // Each connection holds a sender: the channel closes with the last connection.
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
                // Out of descriptors, most likely: one of an idle, unauthenticated connection
                // helps. An immediate retry would only burn the processor.
                connections.places.make_room();
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = connections.places.take() => place,
            () = stop.given() => break,
        };
        let (terms, open, stop, open_still) = (
            Arc::clone(&terms),
            open.clone(),
            stop.clone(),
            open_still.clone(),
        );
        let counted = connections.open.one_more();
        let activity = Arc::clone(place.activity());
        connections.workers.spawn(&activity, async move {
            serve(stream, place, terms, open, stop).await;
            drop((counted, open_still));
        });
    }
    drop((listener, open_still));
    // Nothing is ever sent, so it ends when the last sender does.
    tokio::time::timeout(connections.drain.time(), ended.recv())
        .await
        .is_ok()
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

/// Common interface of TCP and Unix listeners.
trait Accept: Send {
    fn accept(&self) -> impl Future<Output = io::Result<impl Raw>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<impl Raw> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Fails on a connection that is closed already, which must not stop the listener.
        let _ = stream.set_nodelay(true);
        stream.into_std()
    }
}

impl Accept for SocketListener {
    async fn accept(&self) -> io::Result<impl Raw> {
        SocketListener::accept(self).await?.into_std()
    }
}
