use std::time::Duration;

use introspectd_core::{Clock, Timestamp};
use tokio::time::Instant;

/// Clock that moves with the runtime's time, which a test may pause. For tests of a fleet.
#[derive(Debug)]
pub struct RuntimeClock {
    began: Instant,
    before: Duration,
}

/// Wall time at which [`Clock::elapsed`] is zero, in seconds since 1970.
const EPOCH: i64 = 1_000_000;

impl RuntimeClock {
    /// Creates a clock that has run for this time. A fleet trusts nothing in the first seconds.
    pub fn after(before: Duration) -> Self {
        let began = Instant::now();
        Self { began, before }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let seconds = i64::try_from(self.elapsed().as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_seconds(EPOCH.saturating_add(seconds)).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }
}
