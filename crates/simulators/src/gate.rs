//! Holding requests, so that a test decides when a vendor answers.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds every request that arrived after [`Simulator::gate`](crate::Simulator::gate), until opened
/// or dropped.
///
/// A held request is recorded and its fault, if any, is chosen; the vendor has not seen it yet.
pub struct Gate {
    hold: Arc<Hold>,
}

/// The side of a gate at which requests wait.
#[derive(Default)]
pub(crate) struct Hold {
    waiting: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gate {
    pub(crate) fn new(hold: Arc<Hold>) -> Self {
        Self { hold }
    }

    /// Number of requests held now. One whose client went away no longer counts.
    pub fn waiting(&self) -> usize {
        *self.hold.waiting.borrow()
    }

    /// Resolves once at least `n` requests are held. Cancel-safe.
    pub async fn arrived(&self, n: usize) {
        // The sender lives as long as `self`: waiting cannot fail.
        let _ = self
            .hold
            .waiting
            .subscribe()
            .wait_for(|held| *held >= n)
            .await;
    }

    /// Lets all requests through, those held and those to come. So does dropping the gate.
    pub fn open(self) {}
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.hold.open.send_replace(true);
    }
}

impl Hold {
    /// Waits for the gate to open.
    pub(crate) async fn pass(&self) {
        let mut open = self.open.subscribe();
        let _held = Held::enter(self);
        let _ = open.wait_for(|open| *open).await;
    }
}

/// Counts one request for as long as it is held.
struct Held<'a>(&'a Hold);

impl<'a> Held<'a> {
    fn enter(hold: &'a Hold) -> Self {
        hold.waiting.send_modify(|held| *held += 1);
        Self(hold)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|held| *held -= 1);
    }
}
