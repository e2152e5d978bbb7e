use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::trace::Trace;

/// Context of work for a request, from whoever begins it to the client that asks a provider, and to
/// the lines of the log that are written meanwhile.
///
/// [`Context::scope`] passes it to the code inside, without a parameter in every call between: an
/// adapter has no use for it.
#[derive(Debug, Clone, Default)]
pub struct Context {
    trace: Option<Trace>,
    request: Arc<RequestId>,
    is_sent: Arc<AtomicBool>,
}

/// Id of a request, settled once it is known what the request may not reveal.
#[derive(Debug, Default)]
struct RequestId {
    proposed: Option<String>,
    settled: OnceLock<String>,
    hides_trace: AtomicBool,
}

tokio::task_local! {
    static CURRENT: Context;
}

impl Context {
    /// Creates the context of a request that is part of this trace and proposes this id.
    pub fn new(trace: Option<Trace>, proposed: Option<String>) -> Self {
        let request = RequestId {
            proposed,
            ..RequestId::default()
        };
        Self {
            trace,
            request: Arc::new(request),
            is_sent: Arc::default(),
        }
    }

    /// Creates the context of a part of the work, in a trace of its own.
    pub fn part(&self, trace: Option<Trace>) -> Self {
        Self {
            trace,
            request: Arc::clone(&self.request),
            is_sent: Arc::default(),
        }
    }

    /// Returns the context of the innermost [`scope`](Self::scope) around the caller, or one of no
    /// request.
    pub fn current() -> Self {
        Self::with_current(Clone::clone).unwrap_or_default()
    }

    /// Calls a function with the context of the innermost [`scope`](Self::scope), if there is one.
    pub fn with_current<T>(look: impl FnOnce(&Self) -> T) -> Option<T> {
        CURRENT.try_with(look).ok()
    }

    /// Returns the trace that the work is part of.
    pub fn trace(&self) -> Option<Trace> {
        self.trace.clone()
    }

    /// Returns the id of the trace, for lines, unless it is hidden.
    pub fn trace_id(&self) -> Option<&str> {
        let is_hidden = self.request.hides_trace.load(Relaxed);
        let trace = self.trace.as_ref().filter(|_| !is_hidden);
        trace.map(|trace| trace.parent().trace_id())
    }

    /// Hides the id of the trace from lines about the request.
    pub fn hide_trace(&self) {
        self.request.hides_trace.store(true, Relaxed);
    }

    /// Returns the id of the request, once it is settled.
    pub fn request_id(&self) -> Option<&str> {
        self.request.settled.get().map(String::as_str)
    }

    /// Settles the id of the request, unless it is settled: `choose` gets the proposed one.
    pub fn settle_request_id(&self, choose: impl FnOnce(Option<&str>) -> String) -> &str {
        let RequestId {
            proposed, settled, ..
        } = &*self.request;
        settled.get_or_init(|| choose(proposed.as_deref()))
    }

    /// Runs a future with this context as the current one.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Calls a function with this context as the current one.
    pub fn sync_scope<T>(self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, function)
    }

    /// Notes that there is something to ask the provider. An adapter may know an answer by itself,
    /// and what it does not ask is not counted.
    pub fn note_sent(&self) {
        self.is_sent.store(true, Relaxed);
    }

    /// Returns true if the provider was asked, or would have been but for its limits.
    pub fn is_sent(&self) -> bool {
        self.is_sent.load(Relaxed)
    }
}
