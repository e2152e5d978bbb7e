//! A vendor on a port: start, script, look at what arrived, stop.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::connection::{self, Connection};
use crate::gate::Hold;
use crate::stage::{Stage, locked};
use crate::{Fault, Gate, Recorded, Vendor};

/// A vendor's server on loopback, HTTP/1.1 and HTTP/2 with prior knowledge. Stops when dropped.
pub struct Simulator<V> {
    address: SocketAddr,
    shared: Arc<Shared<V>>,
    accepting: AbortHandle,
    /// Socket that holds the port of a stopped server.
    refusing: Mutex<Option<Socket>>,
}

/// State shared by the listener and the simulator.
struct Shared<V> {
    stage: Arc<Stage<V>>,
    listener: Mutex<Option<TcpListener>>,
    connections: Mutex<Vec<Weak<Connection>>>,
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
            stage: Arc::new(Stage::new(vendor)),
            listener: Mutex::new(Some(listener)),
            connections: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(Arc::clone(&shared))).abort_handle();
        Ok(Self {
            address,
            shared,
            accepting,
            refusing: Mutex::default(),
        })
    }

    /// Address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The vendor, to change its records while it is served.
    pub fn vendor(&self) -> &V {
        &self.shared.stage.vendor
    }

    /// Every request since the start or [`forget`](Self::forget), in order of arrival, whatever
    /// came of it.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.stage.script().recorded.clone()
    }

    /// Number of requests that [`requests`](Self::requests) would return.
    pub fn count(&self) -> usize {
        self.shared.stage.script().recorded.len()
    }

    /// Empties the record of requests.
    pub fn forget(&self) {
        self.shared.stage.script().recorded.clear();
    }

    /// The next request that has none yet gets this fault. Goes before [`always`](Self::always).
    pub fn next(&self, fault: Fault) {
        self.shared.stage.script().next.push_back(fault);
    }

    /// Every request gets this fault, until [`clear`](Self::clear).
    pub fn always(&self, fault: Fault) {
        self.shared.stage.script().always = Some(fault);
    }

    /// Requests to come get no fault. Does not open a gate.
    pub fn clear(&self) {
        let mut script = self.shared.stage.script();
        script.next.clear();
        script.always = None;
    }

    /// Holds every request to come. A gate that was set before keeps what it holds.
    pub fn gate(&self) -> Gate {
        let hold = Arc::new(Hold::default());
        self.shared.stage.script().hold = Some(Arc::clone(&hold));
        Gate::new(hold)
    }

    /// Closes the listener and all connections. When this returns, the port refuses connections. It
    /// is given to no other server until the simulator is dropped, unless to one that names it.
    pub fn stop(&self) {
        *locked(&self.refusing) = self.shared.reserve_port(self.address).ok();
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
    fn keep(&self, connection: &Arc<Connection>) {
        let mut connections = locked(&self.connections);
        connections.retain(|known| known.strong_count() > 0);
        connections.push(Arc::downgrade(connection));
        // Accepted just before the listener was closed: too late to be seen by `close`.
        if locked(&self.listener).is_none() {
            connection.hang_up();
        }
    }

    /// Binds a socket that never listens to the port of the listener.
    fn reserve_port(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Beside connections that are still open, and for a listener that is bound later.
        socket.set_reuse_address(true)?;
        // Beside the listener.
        socket.set_reuse_port(true)?;
        if let Some(listener) = locked(&self.listener).as_ref() {
            SockRef::from(listener).set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    }

    fn close(&self) {
        // Dropped here and not in the accepting task: the port must be closed when this returns.
        drop(locked(&self.listener).take());
        for connection in locked(&self.connections)
            .drain(..)
            .filter_map(|connection| connection.upgrade())
        {
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
        let Ok(connection) = Connection::new(&stream) else {
            continue;
        };
        shared.keep(&connection);
        tokio::spawn(connection::serve(
            Arc::clone(&shared.stage),
            connection,
            stream,
        ));
    }
}

/// The next connection, or none when the simulator was stopped.
async fn next_stream<V>(shared: &Shared<V>) -> Option<io::Result<TcpStream>> {
    poll_fn(|context| match locked(&shared.listener).as_ref() {
        Some(listener) => listener
            .poll_accept(context)
            .map(|accepted| Some(accepted.map(|(stream, _)| stream))),
        None => Poll::Ready(None),
    })
    .await
}
