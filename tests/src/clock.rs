use std::time::Duration;

use introspectd_core::{Clock, ManualClock, Timestamp};
use tokio::sync::watch;

/// A gateway's time, which a test moves. It also tells how often the gateway looked at it.
#[derive(Debug)]
pub struct Time {
    clock: ManualClock,
    looks: watch::Sender<usize>,
}

impl Time {
    pub(crate) fn at(now: i64) -> Self {
        let now = Timestamp::from_seconds(now).expect("a time within the years of RFC 3339");
        Self {
            clock: ManualClock::at(now),
            looks: watch::Sender::new(0),
        }
    }

    /// Moves on by whole seconds.
    pub fn advance(&self, seconds: u32) {
        self.clock.advance(seconds);
    }

    /// Sets the wall clock, and leaves elapsed time alone.
    pub fn set(&self, now: i64) {
        self.clock
            .set(Timestamp::from_seconds(now).expect("a time within the years of RFC 3339"));
    }

    /// Number of reads of elapsed time. A request's arrival and its cache lookup are the first two,
    /// so a test can wait until half as many requests are inside.
    pub fn looks(&self) -> usize {
        *self.looks.borrow()
    }

    /// Resolves once [`Time::looks`] is at least this.
    pub async fn looked_at(&self, times: usize) {
        // The sender lives as long as `self`: waiting cannot fail.
        let _ = self
            .looks
            .subscribe()
            .wait_for(|looks| *looks >= times)
            .await;
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn elapsed(&self) -> Duration {
        self.looks.send_modify(|looks| *looks += 1);
        self.clock.elapsed()
    }
}
