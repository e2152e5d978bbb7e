use std::time::Duration;

/// Pauses that double up to a limit, each of them drawn, so that replicas do not come all at once.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with this pause at most, and doubles up to the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// Draws the next pause, at least half of what it may be.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Whole milliseconds, rounded down.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_start_again() {
        let (first, longest) = (Duration::from_millis(50), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, longest);
        assert!((25..=50).contains(&backoff.pause().as_millis()));
        assert!((50..=100).contains(&backoff.pause().as_millis()));
        let later = (0..100).map(|_| backoff.pause().as_millis());
        assert!((500..=1000).contains(&later.last().unwrap()));
        backoff.reset();
        assert!((25..=50).contains(&backoff.pause().as_millis()));
    }
}
