use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use introspectd_core::{Remembered as Found, Timestamp};

use crate::keys::Place;

/// Revocations in memory, the only place where they are looked for.
///
/// At most [`MOST`] of them: beyond it those that end first go. At most half of them have no known end: beyond it the
/// oldest of these go, so that they never take the place of others. Ended ones go a day after their end, so that a clock
/// that was wrong for a moment takes none.
///
/// Not moka: an entry that vanishes by itself is a wrong "active", and the file has to lose it, too.
#[derive(Default)]
pub(crate) struct Remembered(RwLock<State>);

#[derive(Default)]
struct State {
    entries: HashMap<Place, Entry>,
    by_end: BTreeSet<(Timestamp, u64, Place)>,
    changes: Changes,
    /// Entries without a known end.
    endless: usize,
    /// How many were ever remembered.
    count: u64,
    is_warned: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    /// [`Timestamp::MAX`] where it is not known.
    end: Timestamp,
    number: u64,
    is_in_file: bool,
}

/// What a file lacks: new ends, and `None` for what is to be taken out. Bounded, as the entries are.
pub(crate) type Changes = HashMap<Place, Option<Timestamp>>;

/// Some 32 MiB.
pub(crate) const MOST: usize = 150_000;

const DAY: i64 = 24 * 60 * 60;

impl Remembered {
    /// What a file holds.
    pub(crate) fn of_file(entries: impl IntoIterator<Item = (Place, Timestamp)>, now: Timestamp) -> Self {
        let mut state = State::default();
        for (place, end) in entries {
            state.put(place, end, true);
        }
        state.sweep(now);
        Self(RwLock::new(state))
    }

    pub(crate) fn remember(&self, place: Place, end: Option<Timestamp>, now: Timestamp) {
        let mut state = self.write();
        let known = state.entries.get(&place).copied();
        let end = match (known.filter(|known| known.end != Timestamp::MAX), end) {
            (Some(known), Some(end)) => known.end.max(end),
            (Some(known), None) => known.end,
            (None, end) => end.unwrap_or(Timestamp::MAX),
        };
        if known.is_none_or(|known| known.end != end) {
            state.put(place, end, known.is_some_and(|known| known.is_in_file));
            state.changes.insert(place, Some(end));
        }
        state.sweep(now);
    }

    pub(crate) fn find(&self, place: &Place) -> Option<Found> {
        let state = self.read();
        let entry = state.entries.get(place)?;
        Some(Found { end: (entry.end != Timestamp::MAX).then_some(entry.end) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read().entries.is_empty()
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.read().changes.is_empty()
    }

    /// For whoever writes them to the file, and calls [`Remembered::saved`] or gives them back.
    pub(crate) fn take_changes(&self) -> Changes {
        std::mem::take(&mut self.write().changes)
    }

    pub(crate) fn saved(&self, changes: &Changes) {
        let mut state = self.write();
        for place in changes.iter().filter(|(_, end)| end.is_some()).map(|(place, _)| place) {
            match state.entries.get_mut(place) {
                Some(entry) => entry.is_in_file = true,
                // Dropped meanwhile, when it was not in the file yet.
                None => _ = state.changes.insert(*place, None),
            }
        }
    }

    pub(crate) fn give_back(&self, changes: Changes) {
        let mut state = self.write();
        for (place, change) in changes {
            let is_of_use = change.is_none() || state.entries.contains_key(&place);
            // What came meanwhile is newer.
            if let MapEntry::Vacant(vacant) = state.changes.entry(place)
                && is_of_use
            {
                vacant.insert(change);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, place: Place, end: Timestamp, is_in_file: bool) {
        self.take_out(&place);
        let number = self.count;
        self.count += 1;
        self.endless += usize::from(end == Timestamp::MAX);
        self.entries.insert(place, Entry { end, number, is_in_file });
        self.by_end.insert((end, number, place));
    }

    fn take_out(&mut self, place: &Place) -> Option<Entry> {
        let entry = self.entries.remove(place)?;
        self.endless -= usize::from(entry.end == Timestamp::MAX);
        self.by_end.remove(&(entry.end, entry.number, *place));
        Some(entry)
    }

    fn sweep(&mut self, now: Timestamp) {
        // A clock that does not know the time says MAX.
        let has_ended = |end: Timestamp| now != Timestamp::MAX && end.seconds() <= now.seconds() - DAY;
        while let Some((end, _, place)) = self.by_end.first().copied()
            && has_ended(end)
        {
            self.drop_entry(&place);
        }
        while let Some(place) = self.superfluous() {
            self.drop_entry(&place);
            if !self.is_warned {
                self.is_warned = true;
                tracing::warn!(
                    most = MOST,
                    "too many revocations to remember: those that end first are dropped, and hold at their provider only"
                );
            }
        }
    }

    fn superfluous(&self) -> Option<Place> {
        let first = if self.endless > MOST / 2 {
            self.by_end.range((Timestamp::MAX, 0, Place::default())..).next()
        } else if self.entries.len() > MOST {
            self.by_end.first()
        } else {
            None
        };
        first.map(|(_, _, place)| *place)
    }

    fn drop_entry(&mut self, place: &Place) {
        if self.take_out(place).is_some_and(|entry| entry.is_in_file) {
            self.changes.insert(*place, None);
        } else {
            self.changes.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn place(number: usize) -> Place {
        let mut place = [0; 32];
        place[..8].copy_from_slice(&number.to_le_bytes());
        place
    }

    #[test]
    fn end_is_learned_once_and_then_only_grows() {
        let remembered = Remembered::default();
        for (end, kept) in
            [(None, None), (Some(50), Some(50)), (Some(40), Some(50)), (None, Some(50)), (Some(60), Some(60))]
        {
            remembered.remember(place(1), end.map(at), at(1));
            assert_eq!(remembered.find(&place(1)), Some(Found { end: kept.map(at) }));
        }
        assert_eq!(remembered.find(&place(2)), None);
    }

    #[test]
    fn ended_a_day_ago_is_dropped_and_nothing_else() {
        let remembered = Remembered::default();
        remembered.remember(place(1), Some(at(100)), at(1));
        remembered.remember(place(2), None, at(1));
        remembered.remember(place(3), None, Timestamp::MAX);
        remembered.remember(place(3), None, at(99 + DAY));
        assert!(remembered.find(&place(1)).is_some());
        remembered.remember(place(3), None, at(100 + DAY));
        assert!(remembered.find(&place(1)).is_none());
        assert!(remembered.find(&place(2)).is_some() && remembered.find(&place(3)).is_some());
    }

    #[test]
    fn at_the_bound_the_first_to_end_go_first_and_of_those_without_end_the_oldest() {
        let remembered = Remembered::default();
        let is_there = |number| remembered.find(&place(number)).is_some();
        for number in 0..MOST {
            remembered.remember(place(number), None, at(1));
        }
        assert_eq!((is_there(MOST / 2 - 1), is_there(MOST / 2)), (false, true));
        for number in MOST..=2 * MOST {
            remembered.remember(place(number), Some(at(1000 + i64::try_from(number).unwrap())), at(1));
        }
        assert!(is_there(MOST / 2) && is_there(MOST - 1), "half of them have no end");
        assert_eq!((is_there(2 * MOST - MOST / 2), is_there(2 * MOST - MOST / 2 + 1)), (false, true));
        assert!(is_there(2 * MOST));
    }

    #[test]
    fn a_change_is_saved_once_and_again_where_that_failed() {
        let remembered = Remembered::default();
        remembered.remember(place(1), None, at(1));
        let changes = remembered.take_changes();
        assert!(!remembered.has_changes());
        remembered.remember(place(1), Some(at(50)), at(1));
        remembered.give_back(changes);
        let changes = remembered.take_changes();
        assert_eq!(changes, Changes::from([(place(1), Some(at(50)))]));
        remembered.saved(&changes);
        remembered.remember(place(2), Some(at(900 + DAY)), at(60 + DAY));
        let changes = remembered.take_changes();
        assert_eq!(changes, Changes::from([(place(1), None), (place(2), Some(at(900 + DAY)))]));
    }
}
