use introspectd_server::Arrival;

/// How a connection reached us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Over TLS.
    pub(crate) tls: bool,
    /// Through a listener that asks for client certificates.
    pub(crate) certificate: bool,
}

impl Way {
    pub(crate) fn of(arrival: &Arrival) -> Self {
        Self { tls: arrival.tls, certificate: arrival.is_asked_for_certificate }
    }
}
