use std::fmt;
use std::sync::Arc;

/// Reason to take back an answer after it was given.
///
/// HTTP/1.1 matches responses to requests by order alone. Unsolicited bytes on a connection show
/// that the order may have slipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Surplus bytes after a connection's first response. It cannot belong to an earlier request,
    /// but should not be kept either.
    Surplus,
    /// Surplus bytes after a later response, which may belong to an earlier request.
    Misplaced,
}

/// Callback through which an exchange withdraws its answer.
///
/// [`DoubtHandler::scope`] passes it to the code inside, without a parameter in every call between:
/// most providers do not use it.
#[derive(Clone)]
pub struct DoubtHandler(Arc<dyn Fn(Doubt) + Send + Sync>);

tokio::task_local! {
    static CURRENT: DoubtHandler;
}

impl DoubtHandler {
    /// Wraps a callback. It may be called from any thread, more than once, and long after the
    /// answer.
    pub fn new(raised: impl Fn(Doubt) + Send + Sync + 'static) -> Self {
        Self(Arc::new(raised))
    }

    /// Runs a future with this handler as the current one.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Returns the handler of the innermost [`scope`](Self::scope) around the caller.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Withdraws the answer.
    pub fn raise(&self, doubt: Doubt) {
        (self.0)(doubt);
    }
}

impl fmt::Debug for DoubtHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoubtHandler")
    }
}
