//! Export of spans to an OpenTelemetry collector: OTLP over gRPC, on a thread of its own.
//!
//! A collector harms nobody: spans wait in a bounded queue, no thread that serves waits for it, and
//! what is lost is counted in the log.

mod exporter;
mod message;
mod queue;

pub use exporter::Exporter;
