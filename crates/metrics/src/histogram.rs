use std::time::Duration;

use introspectd_core::Count;

/// Upper bounds of the buckets, in nanoseconds: 100 µs, where a hit belongs, to 10 s.
const BOUNDS: [u64; 16] = {
    const MICROS: u64 = 1_000;
    const MILLIS: u64 = 1_000_000;
    const SECONDS: u64 = 1_000_000_000;
    [
        100 * MICROS,
        200 * MICROS,
        500 * MICROS,
        MILLIS,
        2 * MILLIS,
        5 * MILLIS,
        10 * MILLIS,
        20 * MILLIS,
        50 * MILLIS,
        100 * MILLIS,
        200 * MILLIS,
        500 * MILLIS,
        SECONDS,
        2 * SECONDS,
        5 * SECONDS,
        10 * SECONDS,
    ]
};

/// Durations that one thread counted, by bucket.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Count; BOUNDS.len()],
    /// Durations over the last bound.
    over: Count,
    nanos: Count,
}

/// Durations that all threads counted.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Sums {
    buckets: [u64; BOUNDS.len()],
    over: u64,
    nanos: u64,
}

impl Histogram {
    #[inline]
    pub(crate) fn count(&self, duration: Duration) {
        let nanos = duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos());
        let bucket = BOUNDS.iter().position(|bound| nanos <= *bound);
        let bucket = bucket.and_then(|place| self.buckets.get(place));
        bucket.unwrap_or(&self.over).add(1);
        self.nanos.add(nanos);
    }
}

impl Sums {
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (sum, count) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum = sum.wrapping_add(count.get());
        }
        self.over = self.over.wrapping_add(histogram.over.get());
        self.nanos = self.nanos.wrapping_add(histogram.nanos.get());
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(self.over, |sum, count| sum.wrapping_add(*count))
    }

    pub(crate) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos).as_secs_f64()
    }

    /// Bounds in seconds, and the number in each bucket alone.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let seconds = BOUNDS.iter().map(|nanos| {
            // Exact: the bounds are whole microseconds, and their decimal form is what is written.
            Duration::from_nanos(*nanos).as_secs_f64()
        });
        let last = (f64::INFINITY, self.over);
        seconds.zip(self.buckets).chain([last]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_holds_its_bound_and_nothing_above() {
        for (place, bound) in BOUNDS.iter().enumerate() {
            let histogram = Histogram::default();
            histogram.count(Duration::from_nanos(*bound));
            histogram.count(Duration::from_nanos(*bound + 1));
            let mut sums = Sums::default();
            sums.add(&histogram);
            let counts: Vec<_> = sums.buckets().into_iter().map(|(_, count)| count).collect();
            let filled: Vec<_> = (0..counts.len()).filter(|it| counts[*it] > 0).collect();
            assert_eq!(filled, [place, place + 1], "{bound}");
            assert_eq!(sums.count(), 2);
        }
    }

    #[test]
    fn sum_is_in_seconds() {
        let histogram = Histogram::default();
        histogram.count(Duration::from_millis(1500));
        histogram.count(Duration::from_secs(60));
        let mut sums = Sums::default();
        sums.add(&histogram);
        assert_eq!(sums.seconds(), 61.5);
        assert_eq!(sums.buckets().last(), Some(&(f64::INFINITY, 1)));
    }
}
