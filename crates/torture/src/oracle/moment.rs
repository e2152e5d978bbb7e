//! Time of the run: monotonic, for ages, and the wall clock's, for `exp` and `nbf`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the start of the run.
    pub(crate) at: Duration,
    /// Since 1970.
    pub(crate) wall: Duration,
}

/// Clock of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn at(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns this moment by both clocks.
    pub(crate) fn moment(self) -> Moment {
        Moment {
            at: self.at(),
            wall: wall(),
        }
    }
}

/// Wall time since 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "the tortured process reads the machine's clock, and so must its judge"
)]
pub(crate) fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Time from the first byte of a request to the last of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// Read before the request was sent.
    pub(crate) sent: Moment,
    /// Read when the answer was there.
    pub(crate) received: Moment,
}

impl Exchange {
    pub(crate) fn delay(&self) -> Duration {
        self.received.at.saturating_sub(self.sent.at)
    }
}
