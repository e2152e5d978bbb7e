//! End of a run.

use std::time::Duration;

use tokio::sync::watch;

/// Tells all tasks when the run is over.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (end, over) = watch::channel(false);
        (end, Self(over))
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits so long, or until the run is over. Returns false then.
    pub(crate) async fn pause(&mut self, time: Duration) -> bool {
        let over = self.0.wait_for(|over| *over);
        tokio::time::timeout(time, over).await.is_err()
    }
}
