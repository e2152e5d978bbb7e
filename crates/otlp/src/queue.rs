use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use introspectd_core::trace::FinishedSpan;
use tokio::sync::{mpsc, oneshot};

/// Spans that wait for the collector, at most. One takes less than a kilobyte.
pub(crate) const MAX_WAITING: usize = 4096;

/// Entry of the queue.
pub(crate) enum Entry {
    Span(FinishedSpan),
    /// Wish to know when all spans before it are exported or lost.
    Flush(oneshot::Sender<()>),
}

/// Bounded way of spans to the exporting thread.
#[derive(Clone)]
pub(crate) struct Queue {
    entries: mpsc::Sender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    /// Creates a queue that counts here what it cannot take.
    pub(crate) fn new(lost: &Arc<AtomicU64>) -> (Self, mpsc::Receiver<Entry>) {
        let (entries, receiver) = mpsc::channel(MAX_WAITING);
        let lost = Arc::clone(lost);
        (Self { entries, lost }, receiver)
    }

    /// Queues a span, or drops and counts it.
    pub(crate) fn push(&self, span: FinishedSpan) {
        if self.entries.try_send(Entry::Span(span)).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Resolves once all spans so far are exported or lost.
    pub(crate) async fn flushed(&self) {
        let (done, waited) = oneshot::channel();
        if self.entries.send(Entry::Flush(done)).await.is_ok() {
            let _ = waited.await;
        }
    }
}
