use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use introspectd_front::ListenerIdentity;
use introspectd_server::{Activation, Connections, ListenAddress, Listener, Open, Tls};

use crate::config::{CallerListener, Endpoint};

/// Listener that is bound, and what its connections need.
pub(crate) struct BoundEndpoint {
    pub(crate) listener: Listener,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Address as configured.
    pub(crate) address: String,
    pub(crate) open: Open,
}

impl BoundEndpoint {
    /// Returns the listener and the settings of its connections: its own, else the common ones.
    pub(crate) fn with(self, common: &Connections) -> (Listener, Connections) {
        let connections = Connections {
            tls: self.tls,
            open: self.open,
            ..common.clone()
        };
        (self.listener, connections)
    }
}

/// Binds a listener for callers.
///
/// # Errors
/// The system's, with the address.
pub(crate) async fn bind_for_callers(
    listener: CallerListener,
    passed: &mut Activation,
) -> io::Result<(BoundEndpoint, ListenerIdentity)> {
    let CallerListener {
        endpoint,
        caller,
        takes_caller_header,
        ..
    } = listener;
    let caller = caller.map(Arc::from);
    Ok((
        bind(endpoint, passed).await?,
        ListenerIdentity {
            caller,
            takes_caller_header,
        },
    ))
}

/// Binds a listener, unless it was passed.
///
/// # Errors
/// The system's, with the address.
pub(crate) async fn bind(endpoint: Endpoint, passed: &mut Activation) -> io::Result<BoundEndpoint> {
    let Endpoint {
        address,
        access,
        tls,
        is_beside_ipv4,
    } = endpoint;
    let configured = address.to_string();
    let listener = match passed.claim(&address, access).transpose() {
        Some(claimed) => claimed,
        None => match address {
            ListenAddress::Tcp(SocketAddr::V6(address)) if is_beside_ipv4 => {
                Listener::bind_beside_ipv4(address)
            }
            ListenAddress::Tcp(_) | ListenAddress::Unix(_) => {
                Listener::bind(&address, access).await
            }
        },
    };
    match listener {
        Ok(listener) => Ok(BoundEndpoint {
            listener,
            tls: tls.map(Arc::new),
            address: configured,
            open: Open::default(),
        }),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("cannot listen on {configured}: {error}"),
        )),
    }
}
