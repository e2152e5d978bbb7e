//! Listeners and their connections.

mod connection;
mod heartbeat;
mod listener;
mod origin;
mod passed;
mod socket;
mod stop;
mod tls;
mod workers;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use connection::{Raw, serve};
pub use heartbeat::Heartbeats;
pub use listener::{InvalidAddress, ListenAddress, Listener};
pub use origin::{Arrival, Origin};
pub use passed::Passed;
pub use socket::{SocketAccess, SocketListener};
pub use stop::Stop;
pub use tls::{Protocols, Tls, TlsFiles, TlsProblem};
pub use workers::Workers;

/// Serves HTTP/1.1 and HTTP/2 until `stop`, behind TLS if that is given, then lets requests under way end, for at most
/// `drain`. Whether all of them did.
///
/// Each connection is answered by what `open` makes for it, and stays with one worker.
pub async fn run<O, S, F, B>(
    listener: Listener,
    tls: Option<Arc<Tls>>,
    workers: Workers,
    open: O,
    stop: Stop,
    drain: Duration,
) -> bool
where
    O: Fn(&Arrival) -> S + Clone + Send + 'static,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    match listener {
        Listener::Tcp(listener) => run_on(listener, tls, workers, open, stop, drain).await,
        Listener::Unix(listener) => run_on(listener, tls, workers, open, stop, drain).await,
    }
}

async fn run_on<L, O, S, F, B>(
    listener: L,
    tls: Option<Arc<Tls>>,
    mut workers: Workers,
    open: O,
    stop: Stop,
    drain: Duration,
) -> bool
where
    L: Accept,
    O: Fn(&Arrival) -> S + Clone + Send + 'static,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    // Each connection holds a sender: when all are gone, so are they.
    let (open_still, mut ended) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.given() => break,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                // Out of descriptors, most likely; to try again at once would only burn the processor.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, open, stop, open_still) = (tls.clone(), open.clone(), stop.clone(), open_still.clone());
        workers.spawn(async move {
            serve(stream, tls, open, stop).await;
            drop(open_still);
        });
    }
    drop((listener, open_still));
    // Nothing is ever sent, so it ends when the last sender does.
    tokio::time::timeout(drain, ended.recv()).await.is_ok()
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
