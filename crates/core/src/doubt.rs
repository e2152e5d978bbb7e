use std::fmt;
use std::sync::Arc;

/// Reason to take back an answer after it was given.
///
/// HTTP/1.1 does not say which request an answer belongs to but by its place on the connection. A connection that brings
/// bytes which nothing asked for shows that places may have slipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Surplus bytes after the first answer of a connection. It can be no earlier request's; all the same it should not
    /// be kept.
    Surplus,
    /// Surplus bytes after a later answer, which may be an earlier request's.
    Misplaced,
}

/// Callback by which an exchange over a connection has its answer taken back.
///
/// [`DoubtHandler::scope`] hands it to whatever asks inside, without a parameter in each call between: most providers
/// have no use for it.
#[derive(Clone)]
pub struct DoubtHandler(Arc<dyn Fn(Doubt) + Send + Sync>);

tokio::task_local! {
    static CURRENT: DoubtHandler;
}

impl DoubtHandler {
    /// Wraps a callback, which may be called from any thread, long after the answer, and more than once.
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

    /// Takes the answer back.
    pub fn raise(&self, doubt: Doubt) {
        (self.0)(doubt);
    }
}

impl fmt::Debug for DoubtHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoubtHandler")
    }
}
