use std::time::Duration;

/// Asks of the last while, and marks of some of them, counted in slots: old ones drop out a tenth
/// at a time.
#[derive(Debug)]
pub(crate) struct Window {
    slots: [Slot; SLOTS as usize],
    /// Time of one slot.
    width: Duration,
    /// Number of the slot that is written, counted from the clock's start.
    latest: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    asks: u32,
    marked: u32,
}

const SLOTS: u32 = 10;

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            slots: [Slot::default(); SLOTS as usize],
            // A window that has no length would divide by zero.
            width: (length / SLOTS).max(Duration::from_millis(1)),
            latest: 0,
        }
    }

    /// Adds asks and marks.
    pub(crate) fn add(&mut self, asks: u32, marked: u32, now: Duration) {
        self.advance(now);
        if let Some(slot) = self.slot(self.latest) {
            slot.asks = slot.asks.saturating_add(asks);
            slot.marked = slot.marked.saturating_add(marked);
        }
    }

    /// Returns the numbers of asks and of marks.
    pub(crate) fn sums(&mut self, now: Duration) -> (u64, u64) {
        self.advance(now);
        let add = |(asks, marked): (u64, u64), slot: &Slot| {
            (asks + u64::from(slot.asks), marked + u64::from(slot.marked))
        };
        self.slots.iter().fold((0, 0), add)
    }

    pub(crate) fn clear(&mut self) {
        self.slots = [Slot::default(); SLOTS as usize];
    }

    /// Empties the slots between the latest and that of `now`.
    fn advance(&mut self, now: Duration) {
        let number = u64::try_from(now.as_nanos() / self.width.as_nanos()).unwrap_or(u64::MAX);
        let passed = number.saturating_sub(self.latest).min(u64::from(SLOTS));
        for step in 1..=passed {
            if let Some(slot) = self.slot(self.latest.saturating_add(step)) {
                *slot = Slot::default();
            }
        }
        self.latest = self.latest.max(number);
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let place = usize::try_from(number % u64::from(SLOTS)).ok()?;
        self.slots.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LENGTH: Duration = Duration::from_secs(10);

    #[test]
    fn outcome_counts_for_the_length_of_the_window() {
        let mut window = Window::new(LENGTH);
        let start = Duration::from_secs(7);
        window.add(1, 1, start);
        window.add(1, 0, start);
        assert_eq!(window.sums(start + LENGTH - Duration::from_secs(1)), (2, 1));
        assert_eq!(window.sums(start + LENGTH), (0, 0));
    }

    #[test]
    fn cleared_window_has_forgotten() {
        let mut window = Window::new(LENGTH);
        window.add(1, 1, Duration::ZERO);
        window.clear();
        assert_eq!(window.sums(Duration::ZERO), (0, 0));
    }

    proptest! {
        /// Compares with a list of all outcomes: none counts for longer than the window, and each
        /// for nine tenths of it at least.
        #[test]
        fn sums_are_those_of_the_last_while(
            steps in prop::collection::vec((0u64..4_000, any::<bool>()), 0..60),
        ) {
            let (mut window, mut now, mut all) = (Window::new(LENGTH), Duration::ZERO, Vec::new());
            for (millis, has_failed) in steps {
                now += Duration::from_millis(millis);
                window.add(1, u32::from(has_failed), now);
                all.push((now, has_failed));
                let (asks, failed) = window.sums(now);
                let within = |length: Duration| {
                    all.iter().filter(move |(at, _)| *at + length > now)
                };
                let least = LENGTH * 9 / 10;
                prop_assert!(asks <= within(LENGTH).count() as u64);
                prop_assert!(asks >= within(least).count() as u64);
                let bad = |length| within(length).filter(|(_, bad)| *bad).count() as u64;
                prop_assert!(failed <= bad(LENGTH) && failed >= bad(least));
            }
        }
    }
}
