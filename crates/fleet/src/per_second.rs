use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Limit of events in each second of a clock.
#[derive(Debug)]
pub(crate) struct PerSecond {
    limit: u32,
    /// Second, and events in it.
    state: Mutex<(u64, u32)>,
}

impl PerSecond {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Counts an event, and returns true if it is within the limit.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, events) = *state;
        let events = if second == now.as_secs() { events } else { 0 };
        *state = (now.as_secs(), events.saturating_add(1));
        events < self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_limit() {
        let limit = PerSecond::new(2);
        let admits = |millis| limit.admits(Duration::from_millis(millis));
        assert_eq!(
            [0, 1, 999, 1000, 1001, 1002].map(admits),
            [true, true, false, true, true, false]
        );
    }
}
