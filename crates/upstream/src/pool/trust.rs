use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Trust that an origin's answers come where they belong, lost for a while when one does not.
#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<Option<Instant>>);

/// Time without reuse, in which each request costs a connection. A server that sends surplus bytes
/// once does so until repaired.
const LOST: Duration = Duration::from_secs(10 * 60);

impl Trust {
    pub(super) fn lose(&self) {
        *self.lock() = Some(Instant::now());
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lock().is_some_and(|since| since.elapsed() < LOST)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
