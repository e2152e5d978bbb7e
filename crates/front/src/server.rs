use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};

use crate::connection::{Raw, serve};
use crate::listener::Listener;
use crate::reply::Reply;
use crate::workers::Workers;

/// The signal to stop, to be waited for by any number of listeners.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The signal, and what gives it: `send(true)`, or dropping it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves once the signal is given. Cancel-safe.
    pub async fn given(&self) {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}

/// Serves HTTP/1.1 and HTTP/2 until `stop`, then lets requests under way end, for at most `drain`.
/// Whether all of them did.
///
/// Each connection is answered by what `open` makes for it, and stays with one worker.
pub async fn run<O, S, F>(listener: Listener, workers: Workers, open: O, stop: Stop, drain: Duration) -> bool
where
    O: Fn() -> S + Send,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    match listener {
        Listener::Tcp(listener) => run_on(listener, workers, open, stop, drain).await,
        Listener::Unix(listener, _file) => run_on(listener, workers, open, stop, drain).await,
    }
}

async fn run_on<L, O, S, F>(listener: L, mut workers: Workers, open: O, stop: Stop, drain: Duration) -> bool
where
    L: Accept,
    O: Fn() -> S + Send,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
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
        let (answer, stop, open_still) = (open(), stop.clone(), open_still.clone());
        workers.spawn(async move {
            serve(stream, answer, stop).await;
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

impl Accept for UnixListener {
    async fn accept(&self) -> io::Result<impl Raw> {
        let (stream, _) = UnixListener::accept(self).await?;
        stream.into_std()
    }
}
