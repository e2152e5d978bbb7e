use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::time::millis;

/// Breaker of the store: after some failures in a row, lookups go without it for a second each.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    /// Milliseconds of our clock.
    closed_from: AtomicU64,
}

const FAILURES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

impl Breaker {
    /// Returns true if the store may be asked. After a pause one lookup tries it.
    pub(crate) fn lets_pass(&self, now: Duration) -> bool {
        if self.failures.load(Relaxed) < FAILURES {
            return true;
        }
        let now_millis = millis(now);
        let from = self.closed_from.load(Relaxed);
        now_millis >= from
            && self
                .closed_from
                .compare_exchange(from, millis(now + PAUSE), Relaxed, Relaxed)
                .is_ok()
    }

    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Relaxed);
    }

    pub(crate) fn failed(&self, now: Duration) {
        self.closed_from.store(millis(now + PAUSE), Relaxed);
        let more = |failures: u32| Some(failures.saturating_add(1));
        // Never fails: the closure always gives a number.
        let _ = self.failures.fetch_update(Relaxed, Relaxed, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_a_second_passes() {
        let breaker = Breaker::default();
        breaker.failed(ms(0));
        breaker.failed(ms(10));
        assert!(breaker.lets_pass(ms(11)));
        breaker.failed(ms(20));
        assert!(!breaker.lets_pass(ms(1019)));
        assert!(breaker.lets_pass(ms(1020)));
        assert!(!breaker.lets_pass(ms(1021)), "one probe");
        breaker.succeeded();
        assert!(breaker.lets_pass(ms(1022)));
        breaker.failed(ms(1030));
        assert!(breaker.lets_pass(ms(1031)), "failures count in a row");
    }
}
