use std::fmt;

use introspectd_core::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::family::gauge;

/// Listener, as metrics see it.
pub struct ListenerMetrics {
    /// Address as configured.
    pub address: String,
    /// Number of its open connections.
    pub connections: Box<dyn Fn() -> usize + Send + Sync>,
    /// End of its certificate, if it speaks TLS.
    pub certificate_ends: Box<dyn Fn() -> Option<Timestamp> + Send + Sync>,
}

/// Metrics of all listeners.
#[derive(Debug)]
pub struct Listeners(pub Vec<ListenerMetrics>);

impl Collector for Listeners {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let label = |listener: &ListenerMetrics| [("listener", listener.address.clone())];
        gauge(
            &mut to,
            "introspectd_connections",
            "Open connections, by listener",
            self.0.iter().map(|it| (label(it), (it.connections)())),
        )?;
        gauge(
            &mut to,
            "introspectd_tls_certificate_expiry_timestamp_seconds",
            "End of the listener's certificate, in seconds since 1970",
            self.0
                .iter()
                .filter_map(|it| Some((label(it), (it.certificate_ends)()?.seconds()))),
        )
    }
}

impl fmt::Debug for ListenerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerMetrics")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
