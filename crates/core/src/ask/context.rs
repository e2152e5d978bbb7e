use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::trace::TraceParent;

/// Context of an ask, from whoever makes it to the client that sends its requests.
///
/// [`Context::scope`] passes it to the code inside, without a parameter in every call between: an
/// adapter has no use for it.
#[derive(Debug, Clone, Default)]
pub struct Context(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    trace: Option<TraceParent>,
    is_sent: AtomicBool,
}

tokio::task_local! {
    static CURRENT: Context;
}

impl Context {
    /// Creates the context of an ask that is part of this trace.
    pub fn new(trace: Option<TraceParent>) -> Self {
        Self(Arc::new(Inner {
            trace,
            is_sent: AtomicBool::new(false),
        }))
    }

    /// Returns the trace of the [`current`](Self::current) context.
    pub fn current_trace() -> Option<TraceParent> {
        CURRENT.try_with(Self::trace).ok().flatten()
    }

    /// Returns the trace that the ask is part of.
    pub fn trace(&self) -> Option<TraceParent> {
        self.0.trace
    }

    /// Runs a future with this context as the current one.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Returns the context of the innermost [`scope`](Self::scope) around the caller.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Notes that there is something to ask the provider. An adapter may know an answer by itself,
    /// and what it does not ask is not counted.
    pub fn note_sent(&self) {
        self.0.is_sent.store(true, Relaxed);
    }

    /// Returns true if the provider was asked, or would have been but for its limits.
    pub fn is_sent(&self) -> bool {
        self.0.is_sent.load(Relaxed)
    }
}
