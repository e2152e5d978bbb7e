use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{Operation, Outcome};

/// Counters of the asks of one provider, for a scrape. They only grow.
///
/// Written once for each ask, never on a hit.
#[derive(Debug, Default)]
pub struct Meter {
    operations: [Counters; Operation::ALL.len()],
    retries: AtomicU64,
}

#[derive(Debug, Default)]
struct Counters {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Durations up to each bound, and above the last one.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// Upper bounds of the histogram of durations.
pub const BOUNDS: [Duration; 13] = [
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Durations of the asks of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Numbers of asks above the bound before and up to the one of [`BOUNDS`] in the same place;
    /// the last number has no bound.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// Sum of all durations.
    pub sum: Duration,
}

impl Meter {
    /// Counts an ask that has ended.
    pub fn count(&self, operation: Operation, outcome: Outcome, took: Duration) {
        let Some(counters) = self.operations.get(operation as usize) else {
            return;
        };
        let bucket = BOUNDS.partition_point(|bound| *bound < took);
        let add = |counter: Option<&AtomicU64>, number| {
            counter.map(|counter| counter.fetch_add(number, Relaxed))
        };
        add(counters.outcomes.get(outcome as usize), 1);
        add(counters.buckets.get(bucket), 1);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        add(Some(&counters.nanoseconds), nanoseconds);
    }

    /// Counts a retry, or a second ask beside a slow one.
    pub fn count_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// Returns the number of asks of this operation that ended so.
    pub fn asks(&self, operation: Operation, outcome: Outcome) -> u64 {
        let counters = self.operations.get(operation as usize);
        let count = counters.and_then(|counters| counters.outcomes.get(outcome as usize));
        count.map_or(0, |count| count.load(Relaxed))
    }

    /// Returns the durations of all asks of this operation.
    pub fn durations(&self, operation: Operation) -> Durations {
        let mut durations = Durations {
            buckets: [0; BOUNDS.len() + 1],
            sum: Duration::ZERO,
        };
        if let Some(counters) = self.operations.get(operation as usize) {
            durations.buckets = counters.buckets.each_ref().map(|count| count.load(Relaxed));
            durations.sum = Duration::from_nanos(counters.nanoseconds.load(Relaxed));
        }
        durations
    }

    /// Returns the number of retries.
    pub fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }
}

impl Durations {
    /// Returns the number of asks.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ask_is_counted_once_by_operation_and_outcome() {
        let meter = Meter::default();
        let took = Duration::from_millis(3);
        meter.count(Operation::Lookup, Outcome::Timeout, took);
        for operation in Operation::ALL {
            for outcome in Outcome::ALL {
                let is_it = (operation, outcome) == (Operation::Lookup, Outcome::Timeout);
                assert_eq!(meter.asks(operation, outcome), u64::from(is_it));
            }
        }
        let durations = meter.durations(Operation::Lookup);
        assert_eq!((durations.count(), durations.sum), (1, took));
        assert_eq!(meter.durations(Operation::Introspect).count(), 0);
    }

    #[test]
    fn duration_belongs_to_the_first_bound_that_it_does_not_exceed() {
        let meter = Meter::default();
        let longer = Duration::from_secs(60);
        for took in [
            Duration::ZERO,
            BOUNDS[0],
            BOUNDS[0] + Duration::from_nanos(1),
            longer,
        ] {
            meter.count(Operation::Grant, Outcome::Ok, took);
        }
        let Durations { buckets, .. } = meter.durations(Operation::Grant);
        assert_eq!((buckets[0], buckets[1], buckets[BOUNDS.len()]), (2, 1, 1));
    }
}
