use crate::server::Arrival;

/// How a connection reached us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Over TLS.
    pub(crate) tls: bool,
    /// Through a listener that asks for client certificates: then everybody who is in has one.
    pub(crate) certificate: bool,
}

impl Way {
    pub(crate) fn of(arrival: &Arrival) -> Self {
        Self { tls: arrival.tls, certificate: arrival.certificate.is_some() }
    }
}
