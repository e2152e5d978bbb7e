//! A vendor on a port: start, script, look at what arrived, stop.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::connection::{self, Connection};
use crate::gate::Hold;
use crate::{Answer, Fault, Gate, Recorded};

/// What a server knows about its vendor's protocol and records. Connections and faults are not its business.
pub trait Vendor: Send + Sync + 'static {
    /// The vendor's normal answer.
    fn answer(&self, request: &Recorded) -> Answer;
}

impl<V: Vendor + ?Sized> Vendor for Arc<V> {
    fn answer(&self, request: &Recorded) -> Answer {
        self.as_ref().answer(request)
    }
}

/// A vendor's server on loopback, HTTP/1.1 and HTTP/2 with prior knowledge. Stops when dropped.
pub struct Simulator<V> {
    address: SocketAddr,
    shared: Arc<Shared<V>>,
    accepting: AbortHandle,
}

/// What the listener and all connections of one simulator share.
pub(crate) struct Shared<V> {
    pub(crate) vendor: V,
    script: Mutex<Script>,
    listener: Mutex<Option<TcpListener>>,
    connections: Mutex<Vec<Weak<Connection>>>,
}

#[derive(Default)]
struct Script {
    recorded: Vec<Recorded>,
    next: VecDeque<Fault>,
    always: Option<Fault>,
    hold: Option<Arc<Hold>>,
}

/// What one request meets before the vendor sees it.
pub(crate) struct Treatment {
    pub(crate) hold: Option<Arc<Hold>>,
    pub(crate) fault: Option<Fault>,
}

impl<V: Vendor> Simulator<V> {
    /// Serves `vendor` on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(vendor: V) -> io::Result<Self> {
        Self::bind(vendor, (Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Serves `vendor` on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(vendor: V, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            vendor,
            script: Mutex::default(),
            listener: Mutex::new(Some(listener)),
            connections: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The vendor, to change its records while it is served.
    pub fn vendor(&self) -> &V {
        &self.shared.vendor
    }

    /// Every request since the start or [`forget`](Self::forget), in order of arrival, whatever came of it.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.script().recorded.clone()
    }

    /// How many requests [`requests`](Self::requests) would return.
    pub fn count(&self) -> usize {
        self.shared.script().recorded.len()
    }

    /// Empties the record of requests.
    pub fn forget(&self) {
        self.shared.script().recorded.clear();
    }

    /// The next request that has none yet gets this fault. Goes before [`always`](Self::always).
    pub fn next(&self, fault: Fault) {
        self.shared.script().next.push_back(fault);
    }

    /// Every request gets this fault, until [`clear`](Self::clear).
    pub fn always(&self, fault: Fault) {
        self.shared.script().always = Some(fault);
    }

    /// Requests to come get no fault. Does not open a gate.
    pub fn clear(&self) {
        let mut script = self.shared.script();
        script.next.clear();
        script.always = None;
    }

    /// Holds every request to come. A gate that was set before keeps what it holds.
    pub fn gate(&self) -> Gate {
        let hold = Arc::new(Hold::default());
        self.shared.script().hold = Some(Arc::clone(&hold));
        Gate::new(hold)
    }

    /// Closes the listener and all connections. When this returns, the port refuses connections.
    pub fn stop(&self) {
        self.shared.close();
        self.accepting.abort();
    }
}

impl<V> Drop for Simulator<V> {
    fn drop(&mut self) {
        self.shared.close();
        self.accepting.abort();
    }
}

impl<V> Shared<V> {
    /// Records a request and says what it meets. One lock, so that the order of arrival is also that of the faults.
    pub(crate) fn received(&self, request: Recorded) -> Treatment {
        let mut script = self.script();
        script.recorded.push(request);
        let fault = script.next.pop_front().or_else(|| script.always.clone());
        Treatment { hold: script.hold.clone(), fault }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        locked(&self.script)
    }

    fn keep(&self, connection: &Arc<Connection>) {
        let mut connections = locked(&self.connections);
        connections.retain(|known| known.strong_count() > 0);
        connections.push(Arc::downgrade(connection));
        // Accepted just before the listener was closed: too late to be seen by `close`.
        if locked(&self.listener).is_none() {
            connection.hang_up();
        }
    }

    fn close(&self) {
        // Dropped here and not in the accepting task: the port must be closed when this returns.
        drop(locked(&self.listener).take());
        for connection in locked(&self.connections).drain(..).filter_map(|connection| connection.upgrade()) {
            connection.hang_up();
        }
    }
}

async fn accept<V: Vendor>(shared: Arc<Shared<V>>) {
    while let Some(accepted) = next_stream(&shared).await {
        let Ok(stream) = accepted else {
            // Out of descriptors, most likely: others must close theirs first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Ok(connection) = Connection::new(&stream) else { continue };
        shared.keep(&connection);
        tokio::spawn(connection::serve(Arc::clone(&shared), connection, stream));
    }
}

/// The next connection, or none when the simulator was stopped.
async fn next_stream<V>(shared: &Shared<V>) -> Option<io::Result<TcpStream>> {
    poll_fn(|context| match locked(&shared.listener).as_ref() {
        Some(listener) => {
            listener.poll_accept(context).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
        }
        None => Poll::Ready(None),
    })
    .await
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
