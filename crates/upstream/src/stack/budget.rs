use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use introspectd_core::Clock;

use crate::window::Window;

/// Budget of retries: a share of the asks of the last 10 s, and 10 in 10 s for whoever asks
/// seldom.
pub(super) struct Budget {
    percent: u64,
    /// Asks, and as marks their retries.
    window: Mutex<Window>,
    clock: Arc<dyn Clock>,
}

const WINDOW: Duration = Duration::from_secs(10);
const RESERVE: u64 = 10;

impl Budget {
    pub(super) fn new(percent: u32, clock: Arc<dyn Clock>) -> Self {
        Self {
            percent: percent.into(),
            window: Mutex::new(Window::new(WINDOW)),
            clock,
        }
    }

    /// Counts an ask.
    pub(super) fn count_ask(&self) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.add(1, 0, self.clock.elapsed());
    }

    /// Takes one retry from the budget, if there is one.
    pub(super) fn withdraw(&self) -> bool {
        let now = self.clock.elapsed();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (asks, retries) = window.sums(now);
        let is_left = retries < RESERVE + asks * self.percent / 100;
        if is_left {
            window.add(0, 1, now);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{ManualClock, Timestamp};

    fn budget(percent: u32) -> (Budget, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::MIN));
        (Budget::new(percent, Arc::clone(&clock) as _), clock)
    }

    /// Retries that pass after so many asks.
    fn retries(budget: &Budget, asks: u32) -> usize {
        (0..asks).for_each(|_| budget.count_ask());
        (0..=asks + 100).take_while(|_| budget.withdraw()).count()
    }

    #[test]
    fn retries_are_a_share_of_the_asks_beside_the_reserve() {
        for (percent, share) in [(10, 100), (100, 1000), (60, 600), (7, 70), (1, 10)] {
            let (budget, _) = budget(percent);
            assert_eq!(retries(&budget, 1000), 10 + share, "{percent} %");
        }
    }

    #[test]
    fn budget_is_that_of_the_last_ten_seconds() {
        let (budget, clock) = budget(10);
        for _ in 0..3 {
            assert_eq!(retries(&budget, 100), 20);
            clock.advance(5);
            assert_eq!(retries(&budget, 0), 0);
            clock.advance(5);
        }
        assert_eq!(retries(&budget, 0), 10);
    }
}
