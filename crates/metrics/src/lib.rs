//! Metrics: an observer that counts requests, and the exposition of all counts for Prometheus.
//!
//! Counts are written where things happen, by each thread for itself, and read here once a scrape.
//! A label is a name of the configuration or a fixed word.

mod audit;
mod build;
mod events;
mod family;
mod histogram;
mod listeners;
mod process;
mod providers;
mod reloads;
mod requests;
mod service;
mod shared;

use std::fmt;
use std::sync::Arc;

use introspectd_service::Service;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

pub use audit::{AuditLines, Lines};
pub use build::BuildInfo;
pub use events::Events;
pub use listeners::{ListenerMetrics, Listeners};
pub use process::Process;
pub use providers::Providers;
pub use reloads::ReloadMetrics;
pub use requests::RequestCounter;
pub use service::{InFlight, ServiceMetrics};
pub use shared::{SharedCache, SharedMetrics};

/// Source of the service that answers at the moment: a reload may replace it.
pub type Current = Arc<dyn Fn() -> Arc<Service> + Send + Sync>;

/// All metrics of a process.
#[derive(Debug, Default)]
pub struct Metrics(Registry);

impl Metrics {
    /// Adds metrics, behind those that there are.
    #[must_use]
    pub fn with(mut self, collector: impl Collector) -> Self {
        self.0.register_collector(Box::new(collector));
        self
    }

    /// Writes all metrics in Prometheus' text format (version 0.0.4).
    ///
    /// # Errors
    /// Never: a string takes everything.
    pub fn prometheus(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0)?;
        Ok(text)
    }

    /// Writes all metrics in OpenMetrics' text format (version 1.0.0).
    ///
    /// # Errors
    /// Never: a string takes everything.
    pub fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}
