use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Durations of the latest answers, and what 95 of 100 of them did not exceed.
#[derive(Debug, Default)]
pub(super) struct Latencies(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    durations: Vec<Duration>,
    /// Number of all durations so far.
    count: usize,
    p95: Option<Duration>,
}

/// Durations that are kept.
const KEPT: usize = 256;
/// Least number of them that says something.
const LEAST: usize = 20;
/// Number of durations between two looks at all of them.
const STEP: usize = 16;

impl Latencies {
    pub(super) fn record(&self, duration: Duration) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = recent.count % KEPT;
        match recent.durations.get_mut(place) {
            Some(oldest) => *oldest = duration,
            None => recent.durations.push(duration),
        }
        recent.count = recent.count.wrapping_add(1);
        if recent.durations.len() >= LEAST && recent.count.is_multiple_of(STEP) {
            recent.p95 = p95(recent.durations.clone());
        }
    }

    /// Returns the duration, once there are enough.
    pub(super) fn p95(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).p95
    }
}

fn p95(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    durations.get(durations.len() * 95 / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_durations_say_nothing() {
        let latencies = Latencies::default();
        (0..LEAST - 1).for_each(|_| latencies.record(Duration::from_millis(5)));
        assert_eq!(latencies.p95(), None);
    }

    #[test]
    fn p95_is_that_of_the_latest() {
        let latencies = Latencies::default();
        for slow in [1, 100] {
            for millis in 0..KEPT as u64 {
                latencies.record(Duration::from_millis(slow * millis));
            }
            let expected = Duration::from_millis(slow * 243);
            assert_eq!(latencies.p95(), Some(expected));
        }
    }
}
