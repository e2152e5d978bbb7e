use std::time::Duration;

/// Delays between attempts: doubled each time up to a bound, with jitter, so that a fleet does not
/// come back all at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Returns the next delay, between half of it and the whole.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = Self::FIRST.saturating_mul(1 << self.failures.min(8));
        self.failures = self.failures.saturating_add(1);
        doubled
            .min(Self::LONGEST)
            .mul_f64(fastrand::f64().midpoint(1.0))
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_start_again() {
        let mut backoff = Backoff::default();
        assert!((25..=50).contains(&backoff.next().as_millis()));
        assert!((50..=100).contains(&backoff.next().as_millis()));
        let later = (0..100).map(|_| backoff.next().as_millis());
        assert!((500..=1000).contains(&later.last().unwrap()));
        backoff.reset();
        assert!((25..=50).contains(&backoff.next().as_millis()));
    }
}
