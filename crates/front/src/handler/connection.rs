use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use introspectd_server::{Arrival, Origin, Standing};
use introspectd_service::{CertificateName, Service, certificate_names};

use super::{Api, Handler};
use crate::authentication::Peer;

/// Caller identity that a listener gives its connections.
#[derive(Debug, Clone, Default)]
pub struct ListenerIdentity {
    /// Name of the caller of every connection.
    pub caller: Option<Arc<str>>,
    /// True if a proxy may authenticate with `X-Introspectd-Caller`, if the connection does not
    /// identify it.
    pub takes_caller_header: bool,
}

/// Open connection: what it is known by, whatever the configuration makes of it.
///
/// The handler holds all that a configuration says of the connection, the caller that it was
/// recognized as among it. It is replaced as a whole, so that nothing of an earlier configuration
/// can outlive it here.
pub struct Connection {
    api: Arc<Api>,
    identity: ListenerIdentity,
    /// Names in the client's certificate.
    names: Vec<CertificateName>,
    standing: Standing,
    origin: Origin,
    is_tls: bool,
    asks_for_certificate: bool,
    current: RefCell<Current>,
}

struct Current {
    /// Compared at each request, by a read of memory that is written at reloads only.
    service: Cache<Arc<ArcSwap<Service>>, Arc<Service>>,
    handler: Option<Arc<Handler>>,
}

impl Connection {
    /// Creates the connection that arrived by a listener. The caller that its certificate names
    /// wins over that of the listener.
    pub fn new(api: &Arc<Api>, identity: &ListenerIdentity, arrival: &Arrival) -> Self {
        let names = arrival.certificate.as_deref().map(certificate_names);
        let current = Current {
            service: Cache::new(Arc::clone(&api.service)),
            handler: None,
        };
        Self {
            api: Arc::clone(api),
            identity: identity.clone(),
            names: names.unwrap_or_default(),
            standing: arrival.standing.clone(),
            origin: arrival.origin,
            is_tls: arrival.tls,
            asks_for_certificate: arrival.is_asked_for_certificate,
            current: RefCell::new(current),
        }
    }

    /// Returns the handler of a request that begins now, by the configuration in force.
    #[inline]
    pub fn handler(&self) -> Arc<Handler> {
        let Current { service, handler } = &mut *self.current.borrow_mut();
        let service = service.load();
        match handler {
            Some(handler) if Arc::ptr_eq(&handler.service, service) => Arc::clone(handler),
            outdated => Arc::clone(outdated.insert(self.open(service))),
        }
    }

    #[cold]
    fn open(&self, service: &Arc<Service>) -> Arc<Handler> {
        let callers = &service.rules().callers;
        let of_listener = || callers.named(self.identity.caller.as_deref()?);
        let caller = callers.with_certificate(&self.names).or_else(of_listener);
        let peer = Peer::new(
            caller.cloned(),
            self.identity.takes_caller_header,
            self.standing.clone(),
        );
        Arc::new(Handler {
            api: Arc::clone(&self.api),
            service: Arc::clone(service),
            origin: self.origin,
            peer,
            is_tls: self.is_tls,
            asks_for_certificate: self.asks_for_certificate,
        })
    }
}
