//! Spans of requests, exported if `[trace]` says so and the build has the feature `otlp`.

use std::io;
use std::sync::Arc;

use introspectd_core::Clock;
use introspectd_core::trace::Tracer;

use crate::config::TraceConfig;

/// Tracer of all requests, and the export of its spans.
#[derive(Clone, Default)]
pub(crate) struct Traces {
    pub(crate) tracer: Option<Tracer>,
    #[cfg(feature = "otlp")]
    exporter: Option<introspectd_otlp::Exporter>,
}

impl Traces {
    /// Starts the export, if there is a collector.
    ///
    /// # Errors
    /// Where the system gives no thread.
    #[cfg(feature = "otlp")]
    pub(crate) fn start(config: TraceConfig, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let Some(collector) = config.collector else {
            return Ok(Self::default());
        };
        let exporter = introspectd_otlp::Exporter::start(collector, clock)?;
        let tracer = Tracer::new(Arc::new(exporter.clone()), config.sample);
        Ok(Self {
            tracer: Some(tracer),
            exporter: Some(exporter),
        })
    }

    /// A configuration with a collector was refused.
    #[cfg(not(feature = "otlp"))]
    pub(crate) fn start(_: TraceConfig, _: Arc<dyn Clock>) -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Exports what waits, for two seconds at most.
    pub(crate) async fn flush(&self) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.exporter {
            exporter.flush().await;
        }
    }
}
