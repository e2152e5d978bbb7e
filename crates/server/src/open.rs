use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Number of the connections that are open, of a listener or on a worker.
#[derive(Debug, Clone, Default)]
pub struct Open(Arc<AtomicUsize>);

/// Connection that counts as open until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Open {
    /// Returns the number.
    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    pub(crate) fn one_more(&self) -> Counted {
        self.0.fetch_add(1, Relaxed);
        Counted(Arc::clone(&self.0))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
