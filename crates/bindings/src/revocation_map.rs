use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use introspectd_core::{Remembered, Timestamp};

use crate::keys::EntryKey;

/// Revocations in memory, where alone they are searched.
///
/// Holds at most [`MAX_REVOCATIONS`]; over the limit those that end first are dropped. At most half
/// have no known end; over that the oldest of these are dropped, so that they never displace
/// others. Ended ones are dropped a day after their end, so that a clock that is briefly wrong
/// drops none.
///
/// Not a moka cache: an entry evicted unnoticed would be a wrong "active", and has to leave the
/// file as well.
#[derive(Default)]
pub(crate) struct RevocationMap(RwLock<State>);

#[derive(Default)]
struct State {
    entries: HashMap<EntryKey, Entry>,
    by_end: BTreeSet<(Timestamp, u64, EntryKey)>,
    changes: Changes,
    /// Entries without a known end.
    endless: usize,
    /// Number of entries ever added.
    count: u64,
    is_warned: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    /// [`Timestamp::MAX`] if unknown.
    end: Timestamp,
    number: u64,
    is_in_file: bool,
}

/// Changes that the file lacks: new ends, and `None` for a removal. Bounded like the entries.
pub(crate) type Changes = HashMap<EntryKey, Option<Timestamp>>;

/// Limit of revocations, some 32 MiB.
pub(crate) const MAX_REVOCATIONS: usize = 150_000;

const DAY: i64 = 24 * 60 * 60;

impl RevocationMap {
    /// Loads the revocations of a file.
    pub(crate) fn from_file(
        entries: impl IntoIterator<Item = (EntryKey, Timestamp)>,
        now: Timestamp,
    ) -> Self {
        let mut state = State::default();
        for (key, end) in entries {
            state.put(key, end, true);
        }
        state.sweep(now);
        Self(RwLock::new(state))
    }

    pub(crate) fn remember(&self, key: EntryKey, end: Option<Timestamp>, now: Timestamp) {
        let mut state = self.write();
        let known = state.entries.get(&key).copied();
        let end = match (known.filter(|known| known.end != Timestamp::MAX), end) {
            (Some(known), Some(end)) => known.end.max(end),
            (Some(known), None) => known.end,
            (None, end) => end.unwrap_or(Timestamp::MAX),
        };
        if known.is_none_or(|known| known.end != end) {
            state.put(key, end, known.is_some_and(|known| known.is_in_file));
            state.changes.insert(key, Some(end));
        }
        state.sweep(now);
    }

    pub(crate) fn find(&self, key: &EntryKey) -> Option<Remembered> {
        let state = self.read();
        let entry = state.entries.get(key)?;
        Some(Remembered {
            end: (entry.end != Timestamp::MAX).then_some(entry.end),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read().entries.is_empty()
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.read().changes.is_empty()
    }

    /// Takes the changes for a writer, which then calls [`RevocationMap::saved`] or
    /// [`RevocationMap::give_back`].
    pub(crate) fn take_changes(&self) -> Changes {
        std::mem::take(&mut self.write().changes)
    }

    pub(crate) fn saved(&self, changes: &Changes) {
        let mut state = self.write();
        for key in changes
            .iter()
            .filter(|(_, end)| end.is_some())
            .map(|(key, _)| key)
        {
            match state.entries.get_mut(key) {
                Some(entry) => entry.is_in_file = true,
                // Dropped during the write, before it was in the file.
                None => _ = state.changes.insert(*key, None),
            }
        }
    }

    pub(crate) fn give_back(&self, changes: Changes) {
        let mut state = self.write();
        for (key, change) in changes {
            let is_relevant = change.is_none() || state.entries.contains_key(&key);
            // A change made during the write is newer.
            if let MapEntry::Vacant(vacant) = state.changes.entry(key)
                && is_relevant
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
    fn put(&mut self, key: EntryKey, end: Timestamp, is_in_file: bool) {
        self.remove(&key);
        let number = self.count;
        self.count += 1;
        self.endless += usize::from(end == Timestamp::MAX);
        self.entries.insert(
            key,
            Entry {
                end,
                number,
                is_in_file,
            },
        );
        self.by_end.insert((end, number, key));
    }

    fn remove(&mut self, key: &EntryKey) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.endless -= usize::from(entry.end == Timestamp::MAX);
        self.by_end.remove(&(entry.end, entry.number, *key));
        Some(entry)
    }

    fn sweep(&mut self, now: Timestamp) {
        // `Timestamp::MAX` means the wall clock is unusable; expire nothing.
        let has_ended =
            |end: Timestamp| now != Timestamp::MAX && end.seconds() <= now.seconds() - DAY;
        while let Some((end, _, key)) = self.by_end.first().copied()
            && has_ended(end)
        {
            self.drop_entry(&key);
        }
        while let Some(key) = self.over_limit() {
            self.drop_entry(&key);
            if !self.is_warned {
                self.is_warned = true;
                tracing::warn!(
                    max = MAX_REVOCATIONS,
                    "revocations limit reached; dropping those that end first, which now hold at \
                        their provider only"
                );
            }
        }
    }

    fn over_limit(&self) -> Option<EntryKey> {
        let first = if self.endless > MAX_REVOCATIONS / 2 {
            self.by_end
                .range((Timestamp::MAX, 0, EntryKey::default())..)
                .next()
        } else if self.entries.len() > MAX_REVOCATIONS {
            self.by_end.first()
        } else {
            None
        };
        first.map(|(_, _, key)| *key)
    }

    fn drop_entry(&mut self, key: &EntryKey) {
        if self.remove(key).is_some_and(|entry| entry.is_in_file) {
            self.changes.insert(*key, None);
        } else {
            self.changes.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn key(number: usize) -> EntryKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn end_is_learned_once_and_only_extended() {
        let revocations = RevocationMap::default();
        for (end, kept) in [
            (None, None),
            (Some(50), Some(50)),
            (Some(40), Some(50)),
            (None, Some(50)),
            (Some(60), Some(60)),
        ] {
            revocations.remember(key(1), end.map(at), at(1));
            assert_eq!(
                revocations.find(&key(1)),
                Some(Remembered { end: kept.map(at) })
            );
        }
        assert_eq!(revocations.find(&key(2)), None);
    }

    #[test]
    fn entries_are_dropped_a_day_after_their_end() {
        let revocations = RevocationMap::default();
        revocations.remember(key(1), Some(at(100)), at(1));
        revocations.remember(key(2), None, at(1));
        revocations.remember(key(3), None, Timestamp::MAX);
        revocations.remember(key(3), None, at(99 + DAY));
        assert!(revocations.find(&key(1)).is_some());
        revocations.remember(key(3), None, at(100 + DAY));
        assert!(revocations.find(&key(1)).is_none());
        assert!(revocations.find(&key(2)).is_some() && revocations.find(&key(3)).is_some());
    }

    #[test]
    fn limit_drops_the_first_to_end_and_the_oldest_without_end() {
        let revocations = RevocationMap::default();
        let is_there = |number| revocations.find(&key(number)).is_some();
        for number in 0..MAX_REVOCATIONS {
            revocations.remember(key(number), None, at(1));
        }
        assert_eq!(
            (
                is_there(MAX_REVOCATIONS / 2 - 1),
                is_there(MAX_REVOCATIONS / 2)
            ),
            (false, true)
        );
        for number in MAX_REVOCATIONS..=2 * MAX_REVOCATIONS {
            revocations.remember(
                key(number),
                Some(at(1000 + i64::try_from(number).unwrap())),
                at(1),
            );
        }
        assert!(
            is_there(MAX_REVOCATIONS / 2) && is_there(MAX_REVOCATIONS - 1),
            "half of them have no end"
        );
        assert_eq!(
            (
                is_there(2 * MAX_REVOCATIONS - MAX_REVOCATIONS / 2),
                is_there(2 * MAX_REVOCATIONS - MAX_REVOCATIONS / 2 + 1)
            ),
            (false, true)
        );
        assert!(is_there(2 * MAX_REVOCATIONS));
    }

    #[test]
    fn changes_are_saved_once_and_retried_after_failure() {
        let revocations = RevocationMap::default();
        revocations.remember(key(1), None, at(1));
        let changes = revocations.take_changes();
        assert!(!revocations.has_changes());
        revocations.remember(key(1), Some(at(50)), at(1));
        revocations.give_back(changes);
        let changes = revocations.take_changes();
        assert_eq!(changes, Changes::from([(key(1), Some(at(50)))]));
        revocations.saved(&changes);
        revocations.remember(key(2), Some(at(900 + DAY)), at(60 + DAY));
        let changes = revocations.take_changes();
        assert_eq!(
            changes,
            Changes::from([(key(1), None), (key(2), Some(at(900 + DAY)))])
        );
    }
}
