use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;

/// Time that requests in flight have once a listener stops, in whole milliseconds. Clones share it,
/// and it may change until then.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<AtomicU64>);

impl Drain {
    /// Replaces the time.
    pub fn set(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis, Relaxed);
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

impl From<Duration> for Drain {
    fn from(time: Duration) -> Self {
        let drain = Self::default();
        drain.set(time);
        drain
    }
}

/// Signal to stop, which any number of listeners await.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Creates the signal with its sender, which gives it by `send(true)` or by being dropped.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves once the signal is given. Cancel-safe.
    pub async fn given(&self) {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}
