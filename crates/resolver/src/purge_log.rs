use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError};

use crate::key::Key;
use crate::purge_table::PurgeTable;
use crate::stamp::{MAX_NUMBER, Mark, Stamp};

/// Purges in their order, which is a counter and never a clock.
///
/// A purge takes the next number; a fact carries the number that was the latest when its request
/// was sent. A purge with a higher number that selects the fact refuses it: at each hit, at each
/// insertion, and when a waiter takes the outcome of a flight. A purge is therefore in force once
/// it has a number, however late a task runs: no entry has to be found and removed for it.
#[derive(Default)]
pub(crate) struct PurgeLog {
    latest: AtomicU64,
    writer: Mutex<()>,
}

/// Purges that select facts of one provider's slot.
pub(crate) struct ProviderPurges {
    /// Number of the slot, in the stamps of its facts.
    slot: u16,
    /// Number of the newest purge, which each hit compares.
    newest: AtomicU64,
    /// Number below which every fact is refused.
    floor: AtomicU64,
    /// Set once the slot is in no table any more.
    is_retired: AtomicBool,
    table: PurgeTable,
}

impl PurgeLog {
    /// Number of the latest purge.
    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Acquire)
    }

    /// Puts a purge of these marks in force, each at its provider, in constant time whatever is
    /// cached.
    pub(crate) fn append(&self, marks: &[(Arc<ProviderPurges>, Mark)]) -> u64 {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.latest().saturating_add(1);
        // First: a request from here on is sent after the purge.
        self.latest.store(number, Release);
        for (provider, mark) in marks {
            provider.remember(mark, number);
        }
        number
    }
}

impl ProviderPurges {
    pub(crate) fn new(slot: u16) -> Self {
        Self {
            slot,
            newest: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            is_retired: AtomicBool::new(false),
            table: PurgeTable::new(),
        }
    }

    pub(crate) fn slot(&self) -> u16 {
        self.slot
    }

    /// Ends the use of the slot's facts: none is served from the cache or inserted any more.
    /// Requests in flight still take what they asked for.
    pub(crate) fn retire(&self) {
        self.is_retired.store(true, Release);
    }

    fn remember(&self, mark: &Mark, number: u64) {
        match mark.hash().filter(|_| number <= MAX_NUMBER) {
            Some(hash) => self.table.remember(hash, number),
            None => self.floor.store(number, Release),
        }
        // Last: a reader that sees it finds the rest.
        self.newest.store(number, Release);
    }

    /// Number of the newest purge; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Acquire)
    }

    /// Returns true if a fact may not be used from the cache, or be put there. Two comparisons if
    /// no purge is newer.
    #[inline]
    pub(crate) fn refuse(&self, key: &Key, stamp: &Stamp) -> bool {
        self.is_retired.load(Acquire) || self.has_purged(key, stamp)
    }

    /// Returns true if a purge newer than the fact selects it.
    #[inline]
    pub(crate) fn has_purged(&self, key: &Key, stamp: &Stamp) -> bool {
        stamp.number < self.newest.load(Acquire)
            && self.newest_that_selects(key, stamp) > stamp.number
    }

    /// Number of the newest purge that selects the fact; 0 if there is none.
    #[cold]
    pub(crate) fn newest_that_selects(&self, key: &Key, stamp: &Stamp) -> u64 {
        let marks = Mark::all_of(*key, stamp.tags).filter_map(|mark| mark.hash());
        marks
            .map(|hash| self.table.newest(hash))
            .fold(self.floor.load(Acquire), u64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_fleet::Digests;

    use crate::key::KeyMaker;
    use crate::stamp::Tags;

    fn stamp(number: u64, tags: Tags) -> Stamp {
        Stamp {
            number,
            slot: 0,
            tags,
        }
    }

    #[test]
    fn purge_refuses_earlier_facts_and_no_later_ones() {
        let keys = KeyMaker::new(Digests::random().unwrap()).unwrap();
        let key = keys.key(&crate::key::Subject::Id(
            introspectd_core::TokenId::parse("x".to_owned()).unwrap(),
        ));
        let tags = Tags {
            record: Some(keys.tag("r")),
            subject: Some(keys.tag("s")),
            client: Some(keys.tag("c")),
        };
        for mark in [
            Mark::Everything,
            Mark::Key(key),
            Mark::Record(keys.tag("r")),
            Mark::Subject(keys.tag("s")),
            Mark::Client(keys.tag("c")),
        ] {
            let (log, purges) = (PurgeLog::default(), Arc::new(ProviderPurges::new(0)));
            let before = log.latest();
            let number = log.append(&[(Arc::clone(&purges), mark)]);
            assert!(purges.refuse(&key, &stamp(before, tags)), "{mark:?}");
            assert!(!purges.refuse(&key, &stamp(number, tags)), "{mark:?}");
            assert!(
                !ProviderPurges::new(1).refuse(&key, &stamp(before, tags)),
                "{mark:?} at another provider"
            );
            assert!(mark.selects(key, tags));
        }
        for other in [
            Mark::Record(keys.tag("s")),
            Mark::Subject(keys.tag("r")),
            Mark::Client(keys.tag("s")),
        ] {
            let (log, purges) = (PurgeLog::default(), Arc::new(ProviderPurges::new(0)));
            log.append(&[(Arc::clone(&purges), other)]);
            assert!(!purges.refuse(&key, &stamp(0, tags)), "{other:?}");
            assert!(!other.selects(key, tags));
        }
    }

    /// Each purge past the numbers that the table can hold selects all facts.
    #[test]
    fn purges_past_the_last_number_refuse_everything() {
        let keys = KeyMaker::new(Digests::random().unwrap()).unwrap();
        let key = keys.key(&crate::key::Subject::Id(
            introspectd_core::TokenId::parse("x".to_owned()).unwrap(),
        ));
        let (log, purges) = (PurgeLog::default(), Arc::new(ProviderPurges::new(0)));
        log.latest.store(MAX_NUMBER, Release);
        for _ in 0..3 {
            let asked = stamp(log.latest(), Tags::default()).pack().unpack();
            log.append(&[(Arc::clone(&purges), Mark::Subject(keys.tag("s")))]);
            assert!(purges.refuse(&key, &asked));
        }
    }

    #[test]
    fn retired_slot_keeps_no_fact_and_purges_none_in_flight() {
        let keys = KeyMaker::new(Digests::random().unwrap()).unwrap();
        let key = keys.key(&crate::key::Subject::Id(
            introspectd_core::TokenId::parse("x".to_owned()).unwrap(),
        ));
        let purges = ProviderPurges::new(0);
        let later = stamp(MAX_NUMBER, Tags::default());
        assert!(!purges.refuse(&key, &later));
        purges.retire();
        assert!(purges.refuse(&key, &later) && !purges.has_purged(&key, &later));
    }
}
