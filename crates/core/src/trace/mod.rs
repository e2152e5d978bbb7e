//! Traces of requests (W3C Trace Context), and the spans that we add to them.
//!
//! A request that nobody traces has no span, and one whose caller traces it has at least a
//! [`Trace`], which goes on to providers.

mod parent;
mod span;
mod tracer;

pub use parent::TraceParent;
pub use span::{Attribute, FinishedSpan, Kind, Recorder, Span, Trace, Value};
pub use tracer::Tracer;
