use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};
use std::time::Duration;

use crate::time::millis;

/// Bound on how long facts are used while the purges of other replicas are not heard.
///
/// Times are those of [`Clock::elapsed`](introspectd_core::Clock::elapsed), in whole milliseconds.
/// A purge after the moment up to which everything was heard may be unknown here, and so may one
/// after a fact was asked for: the later of the two, plus `trust`, is the end of the fact's use.
#[derive(Debug)]
pub struct Hearing {
    heard: AtomicU64,
    trust: u64,
}

impl Hearing {
    /// Hearing of a replica that has heard nothing yet.
    pub fn new(trust: Duration) -> Self {
        Self {
            heard: AtomicU64::new(0),
            trust: millis(trust),
        }
    }

    /// Hearing of a process without a fleet, whose facts are always trusted.
    pub fn alone() -> Self {
        Self {
            heard: AtomicU64::new(u64::MAX),
            trust: 0,
        }
    }

    /// Notes that all purges before this moment are in force here.
    pub fn heard(&self, until: Duration) {
        self.heard.fetch_max(millis(until), Release);
    }

    /// Returns true if a fact that was asked for at this moment may be used, in milliseconds.
    #[inline]
    pub fn trusts(&self, asked_at: u64, now: u64) -> bool {
        let known = self.heard.load(Acquire).max(asked_at);
        known.saturating_add(self.trust) >= now
    }

    /// Time since everything was heard.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.heard.load(Acquire)))
    }

    /// Longest use of facts without hearing.
    pub fn trust(&self) -> Duration {
        Duration::from_millis(self.trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_trusted_for_a_time_after_the_last_that_was_heard_or_their_request() {
        let hearing = Hearing::new(Duration::from_secs(2));
        hearing.heard(Duration::from_millis(10_000));
        for (asked_at, now, is_trusted) in [
            (0, 12_000, true),
            (0, 12_001, false),
            (11_000, 13_000, true),
            (11_000, 13_001, false),
        ] {
            assert_eq!(
                hearing.trusts(asked_at, now),
                is_trusted,
                "{asked_at} {now}"
            );
        }
        assert_eq!(
            hearing.age(Duration::from_millis(10_500)),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn what_was_heard_never_goes_back() {
        let hearing = Hearing::new(Duration::from_secs(1));
        hearing.heard(Duration::from_secs(9));
        hearing.heard(Duration::from_secs(3));
        assert!(hearing.trusts(0, 10_000) && !hearing.trusts(0, 10_001));
    }

    #[test]
    fn process_alone_trusts_its_facts() {
        assert!(Hearing::alone().trusts(0, u64::MAX));
    }
}
