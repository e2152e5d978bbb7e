use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Clock of the store, by our own: ages of facts that replicas exchange are counted by it.
///
/// The store answered with its time somewhere between the request and the response, so a moment is
/// known between two bounds, and each use takes the one that makes a fact older.
#[derive(Debug, Default)]
pub(crate) struct StoreClock(Mutex<Option<Measured>>);

#[derive(Debug, Clone, Copy)]
struct Measured {
    sent: Duration,
    received: Duration,
    time: Duration,
}

impl StoreClock {
    /// Notes the store's time of a request that was sent and answered at these moments.
    pub(crate) fn note(&self, sent: Duration, received: Duration, time: Duration) {
        let measured = Measured {
            sent,
            received,
            time,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(measured);
    }

    /// Earliest time that the store's clock had at a moment of ours.
    pub(crate) fn earliest(&self, moment: Duration) -> Option<Duration> {
        let Measured { received, time, .. } = self.measured()?;
        Some((time + moment).saturating_sub(received))
    }

    /// Latest time that the store's clock had at a moment of ours.
    pub(crate) fn latest(&self, moment: Duration) -> Option<Duration> {
        let Measured { sent, time, .. } = self.measured()?;
        Some((time + moment).saturating_sub(sent))
    }

    fn measured(&self) -> Option<Measured> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn moment_is_between_two_bounds() {
        let clock = StoreClock::default();
        assert_eq!((clock.earliest(s(1)), clock.latest(s(1))), (None, None));
        clock.note(s(10), s(12), s(1000));
        assert_eq!(clock.earliest(s(20)), Some(s(1008)));
        assert_eq!(clock.latest(s(20)), Some(s(1010)));
        assert_eq!(clock.latest(s(5)), Some(s(995)));
    }
}
