use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::parent::TraceParent;

/// Recorder of spans that have ended.
pub trait Recorder: Send + Sync {
    /// Returns the time by [`Clock::elapsed`](crate::Clock::elapsed).
    fn elapsed(&self) -> Duration;

    /// Takes a span. It must neither block nor grow without a bound.
    fn record(&self, span: FinishedSpan);
}

/// Trace that work is part of. Its spans are children of `parent`.
#[derive(Clone)]
pub struct Trace {
    parent: TraceParent,
    /// `None`: the trace is a caller's, and is handed on without spans of ours.
    recorder: Option<Arc<dyn Recorder>>,
}

/// Side of a call that a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Request of a caller.
    Server,
    /// Request to a provider.
    Client,
    /// Work of our own.
    Internal,
}

/// Value of an attribute: a fixed word, a name of the configuration, or a number. Never a token, a
/// subject, a secret or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Fixed word.
    Word(&'static str),
    /// Name of the configuration.
    Name(String),
    /// Number.
    Number(i64),
    /// Fact that is true.
    True,
}

/// Attribute of a span.
pub type Attribute = (&'static str, Value);

/// Span that has ended. Times are those of [`Clock::elapsed`](crate::Clock::elapsed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSpan {
    /// Kind of work.
    pub name: &'static str,
    /// Side of a call.
    pub kind: Kind,
    /// Trace, never zero.
    pub trace_id: u128,
    /// Id of the span, never zero.
    pub id: u64,
    /// Span that it is a part of; `None` for the first one of a trace.
    pub parent: Option<u64>,
    /// Flags of the trace.
    pub flags: u8,
    /// Beginning.
    pub start: Duration,
    /// End, not before the beginning.
    pub end: Duration,
    /// Attributes, in the order in which they became known.
    pub attributes: Vec<Attribute>,
    /// True if the work failed.
    pub has_failed: bool,
}

/// Span of work, recorded when it is dropped. It costs nothing where nothing records.
///
/// One that is dropped before [`Span::end`] was cancelled with the work: its caller went away, or a
/// deadline passed.
#[must_use]
#[derive(Default)]
pub struct Span {
    /// Trace of the work inside.
    trace: Option<Trace>,
    open: Option<Box<FinishedSpan>>,
}

/// Attribute of a span whose work was cancelled.
const CANCELLED: &str = "introspectd.cancelled";

/// Reason of a failure, as OpenTelemetry names it.
const ERROR: &str = "error.type";

impl Trace {
    /// Trace of a caller, handed on as it came.
    pub fn of_caller(parent: TraceParent) -> Self {
        Self {
            parent,
            recorder: None,
        }
    }

    /// Returns the parent of the next span, as `traceparent` has it.
    pub fn parent(&self) -> &TraceParent {
        &self.parent
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parent.fmt(f)
    }
}

impl Span {
    /// Starts a span in a trace. Where nothing records, it only hands the trace on.
    pub fn start(trace: Option<Trace>, name: &'static str, kind: Kind) -> Self {
        let Some(Trace {
            parent,
            recorder: Some(recorder),
        }) = trace
        else {
            return Self { trace, open: None };
        };
        let start = recorder.elapsed();
        let (trace_id, of) = (parent.trace_number(), Some(parent.span_number()));
        Self::open(recorder, name, kind, trace_id, of, parent.flags(), start)
    }

    pub(super) fn open(
        recorder: Arc<dyn Recorder>,
        name: &'static str,
        kind: Kind,
        trace_id: u128,
        parent: Option<u64>,
        flags: u8,
        start: Duration,
    ) -> Self {
        let id = fastrand::u64(1..);
        let open = FinishedSpan {
            name,
            kind,
            trace_id,
            id,
            parent,
            flags,
            start,
            end: start,
            attributes: Vec::new(),
            has_failed: false,
        };
        let trace = Trace {
            parent: TraceParent::new(trace_id, id, flags),
            recorder: Some(recorder),
        };
        Self {
            trace: Some(trace),
            open: Some(Box::new(open)),
        }
    }

    /// Returns the trace of the work inside: of what was given, with this span as the parent.
    pub fn trace(&self) -> Option<Trace> {
        self.trace.clone()
    }

    /// Adds an attribute. `value` is made only where something records.
    pub fn set<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if let Some(open) = &mut self.open {
            open.attributes.push((name, value().into()));
        }
    }

    /// Marks the work as failed, for a reason in a fixed word.
    pub fn fail(&mut self, reason: &'static str) {
        self.set(ERROR, || reason);
        if let Some(open) = &mut self.open {
            open.has_failed = true;
        }
    }

    /// Forgets the span: there was no work.
    pub fn discard(mut self) {
        self.open = None;
    }

    /// Ends the span. Its trace goes on.
    pub fn end(&mut self) {
        self.record();
    }

    fn record(&mut self) {
        let recorder = self.trace.as_ref().and_then(|it| it.recorder.as_ref());
        if let (Some(mut span), Some(recorder)) = (self.open.take(), recorder) {
            span.end = recorder.elapsed().max(span.start);
            recorder.record(*span);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.set(CANCELLED, || Value::True);
        self.record();
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<String> for Value {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}
