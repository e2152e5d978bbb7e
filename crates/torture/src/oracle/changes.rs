//! Settings over time, as far as they are known from outside.

use std::sync::Mutex;
use std::time::Duration;

use crate::oracle::{keep_latest, locked};

/// Values of a setting, each of which takes effect at some moment between two known ones.
pub(crate) struct Changes<T>(Mutex<Vec<Change<T>>>);

#[derive(Clone, Copy)]
struct Change<T> {
    value: T,
    /// Moment before which it is not in effect.
    begun: Duration,
    /// Moment from which on it is in effect; `None` while that is not known.
    sure: Option<Duration>,
}

impl<T: Copy> Changes<T> {
    /// A setting that has this value from the start of the run on.
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(vec![Change {
            value,
            begun: Duration::ZERO,
            sure: Some(Duration::ZERO),
        }]))
    }

    /// The value is about to change.
    pub(crate) fn begin(&self, at: Duration, value: T) {
        let mut changes = locked(&self.0);
        changes.push(Change {
            value,
            begun: at,
            sure: None,
        });
        keep_latest(&mut changes);
    }

    /// The latest change has taken effect.
    pub(crate) fn settle(&self, at: Duration) {
        if let Some(change) = locked(&self.0).last_mut() {
            change.sure = Some(at);
        }
    }

    /// Values that may have been in effect at some moment between these.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> Vec<T> {
        let changes = locked(&self.0);
        let surely_replaced = |index: usize| {
            let mut later = changes.iter().skip(index + 1);
            later.any(|next| next.sure.is_some_and(|sure| sure <= from))
        };
        let possible = changes
            .iter()
            .enumerate()
            .filter(|(index, change)| change.begun <= to && !surely_replaced(*index));
        possible.map(|(_, change)| change.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_values_are_possible_while_one_replaces_the_other() {
        let at = Duration::from_secs;
        let changes = Changes::new('a');
        changes.begin(at(10), 'b');
        assert_eq!(changes.between(at(8), at(9)), ['a']);
        assert_eq!(changes.between(at(11), at(11)), ['a', 'b']);
        changes.settle(at(12));
        assert_eq!(changes.between(at(11), at(13)), ['a', 'b']);
        assert_eq!(changes.between(at(9), at(10)), ['a', 'b']);
        assert_eq!(changes.between(at(12), at(13)), ['b']);
    }
}
