use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use introspectd_core::{Clock, SystemClock, Timestamp};

use crate::open::Open;
use crate::places::Places;
use crate::requests::Requests;
use crate::stop::Drain;
use crate::tls::Tls;
use crate::watch::Lifetime;
use crate::workers::Workers;

/// Settings of a listener's connections.
#[derive(Debug, Clone)]
pub struct Connections {
    /// TLS of the listener, if it has any.
    pub tls: Option<Arc<Tls>>,
    /// Threads that serve the connections.
    pub workers: Workers,
    /// Limit of connections open at once.
    pub places: Arc<Places>,
    /// Limit of requests in flight.
    pub requests: Arc<Requests>,
    /// Age at which a connection ends, up to a tenth earlier, so that those of one moment do not
    /// end together.
    pub max_age: Duration,
    /// Limit of a request's head, in bytes, at least 8 KiB.
    pub max_head: usize,
    /// Clock by which certificates of clients end.
    pub clock: Arc<dyn Clock>,
    /// Time that requests in flight have once the listener stops.
    pub drain: Drain,
    /// Number of open connections.
    pub open: Open,
}

impl Connections {
    /// Creates settings without TLS: an hour at most, 16384 connections, 8192 requests in flight,
    /// heads of 32 KiB.
    pub fn new(workers: Workers) -> Self {
        Self::with_requests(workers, 8192)
    }

    /// Creates the same for so many requests in flight.
    pub fn with_requests(workers: Workers, requests: usize) -> Self {
        Self {
            tls: None,
            places: Places::new(16_384),
            requests: Requests::new(requests, workers.threads()),
            workers,
            max_age: Duration::from_secs(3600),
            max_head: 32 * 1024,
            clock: Arc::new(SystemClock::default()),
            drain: Drain::default(),
            open: Open::default(),
        }
    }

    /// Returns the part that each connection holds. It has no workers, which end with their last
    /// holder.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        let Self {
            max_age, max_head, ..
        } = *self;
        // hyper takes no less.
        let max_head = max_head.max(8 * 1024);
        Arc::new(Terms {
            tls: self.tls.clone(),
            requests: Arc::clone(&self.requests),
            max_age,
            max_head,
            clock: Arc::clone(&self.clock),
        })
    }
}

/// Part of [`Connections`] that each connection holds.
pub(crate) struct Terms {
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) max_age: Duration,
    pub(crate) max_head: usize,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Terms {
    /// Lifetime of a connection that begins now.
    pub(crate) fn lifetime(&self, certificate_ends: Option<Timestamp>) -> Lifetime {
        let ends = tokio::time::Instant::now() + self.max_age.saturating_sub(jitter(self.max_age));
        Lifetime {
            ends,
            certificate_ends,
            clock: Arc::clone(&self.clock),
        }
    }
}

/// Up to a tenth of it, evenly spread over consecutive calls.
fn jitter(age: Duration) -> Duration {
    /// Golden ratio, of 2^32: its multiples never bunch.
    const STEP: u32 = 2_654_435_769;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let share = f64::from(NEXT.fetch_add(STEP, Relaxed)) / f64::from(u32::MAX);
    (age / 10).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_at_most_a_tenth_and_spread() {
        let hour = Duration::from_secs(3600);
        let mut jitters: Vec<_> = (0..100).map(|_| jitter(hour)).collect();
        jitters.sort();
        assert!(jitters[99] <= hour / 10);
        assert!(jitters[75] - jitters[25] > hour / 30, "{jitters:?}");
    }
}
