use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};

/// Newest purge of each mark, in bounded memory, read without a lock.
///
/// A mark's hash names a bucket, one line of the processor's cache, with room for seven marks. An
/// eighth folds the oldest into the bucket's floor: every earlier fact of the bucket then counts as
/// purged. A purge is therefore never missed; a lost mark costs a request to the provider. Purges
/// older than every cached fact are folded first and cost nothing, so no clock has to expire them.
/// That is why this is no cache: losing an entry silently would be a fault.
///
/// Holds 458,752 marks in 4 MiB at most; memory is taken by pages of 4 KiB when a bucket is first
/// used. With 65,536 marks purged at a provider within the life of a fact, one fact in 20,000 is
/// refused because of others.
pub(crate) struct PurgeTable {
    pages: Box<[OnceLock<Page>]>,
}

type Page = Box<[Bucket]>;

/// Bucket of marks. A slot is the number of a purge, above the [`TAG_BITS`] that tell its mark from
/// others of its bucket.
#[repr(align(64))]
#[derive(Default)]
struct Bucket {
    floor: AtomicU64,
    slots: [AtomicU64; 7],
}

const PAGES: usize = 1 << 10;
const BUCKETS_PER_PAGE: usize = 1 << 6;
const TAG_BITS: u32 = 24;
const TAG: u64 = (1 << TAG_BITS) - 1;

impl PurgeTable {
    pub(crate) fn new() -> Self {
        Self::with_pages(PAGES)
    }

    fn with_pages(pages: usize) -> Self {
        Self {
            pages: std::iter::repeat_with(OnceLock::new).take(pages).collect(),
        }
    }

    /// Remembers a purge, whose number is higher than all before. For one writer at a time.
    pub(crate) fn remember(&self, hash: u64, number: u64) {
        let Some(page) = self.pages.get(self.page_of(hash)) else {
            return;
        };
        let page = page.get_or_init(|| {
            std::iter::repeat_with(Bucket::default)
                .take(BUCKETS_PER_PAGE)
                .collect()
        });
        let Some(bucket) = page.get(bucket_of(hash)) else {
            return;
        };
        let tag = tag_of(hash);
        let same = bucket
            .slots
            .iter()
            .find(|slot| slot.load(Acquire) & TAG == tag);
        let oldest = || bucket.slots.iter().min_by_key(|slot| slot.load(Acquire));
        let Some(slot) = same.or_else(oldest) else {
            return;
        };
        let replaced = slot.load(Acquire);
        if replaced & TAG != tag {
            // Before the slot: a reader that misses the mark finds the floor raised.
            bucket.floor.fetch_max(replaced >> TAG_BITS, Release);
        }
        slot.store(number << TAG_BITS | tag, Release);
    }

    /// Number of the newest purge that may have this mark; 0 if there is none.
    pub(crate) fn newest(&self, hash: u64) -> u64 {
        let page = self.pages.get(self.page_of(hash)).and_then(OnceLock::get);
        let Some(bucket) = page.and_then(|page| page.get(bucket_of(hash))) else {
            return 0;
        };
        let tag = tag_of(hash);
        let slots = bucket.slots.iter().map(|slot| slot.load(Acquire));
        let found = slots
            .filter(|word| word & TAG == tag)
            .map(|word| word >> TAG_BITS)
            .max();
        // After the slots.
        found.unwrap_or(0).max(bucket.floor.load(Acquire))
    }

    #[allow(clippy::cast_possible_truncation, reason = "a remainder of a usize")]
    fn page_of(&self, hash: u64) -> usize {
        ((hash >> 6) % self.pages.len() as u64) as usize
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder of a usize")]
fn bucket_of(hash: u64) -> usize {
    (hash % BUCKETS_PER_PAGE as u64) as usize
}

/// Tag of a hash, from the other end than the bucket.
fn tag_of(hash: u64) -> u64 {
    hash >> (u64::BITS - TAG_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::MAX_NUMBER;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_bucket_is_one_line_of_the_cache() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
    }

    /// Hash of this tag, in the first bucket.
    fn tagged(tag: u64) -> u64 {
        tag << (u64::BITS - TAG_BITS)
    }

    #[test]
    fn eighth_mark_of_a_bucket_folds_the_oldest_into_its_floor() {
        let table = PurgeTable::with_pages(1);
        for tag in 0..7 {
            table.remember(tagged(tag), 10 + tag);
        }
        for tag in 0..7 {
            assert_eq!(table.newest(tagged(tag)), 10 + tag);
        }
        assert_eq!(table.newest(tagged(99)), 0);
        table.remember(tagged(7), 20);
        assert_eq!(table.newest(tagged(7)), 20);
        // The oldest, and all that was asked before it.
        for unknown in [tagged(0), tagged(99)] {
            assert_eq!(table.newest(unknown), 10);
        }
        assert_eq!(table.newest(tagged(1)), 11);
        assert_eq!(table.newest(tagged(99) + 1), 0, "another bucket");
    }

    #[test]
    fn repeated_mark_takes_no_room() {
        let table = PurgeTable::with_pages(1);
        table.remember(tagged(1), 1);
        for number in 2..1000 {
            table.remember(tagged(2), number);
        }
        assert_eq!(
            (
                table.newest(tagged(1)),
                table.newest(tagged(2)),
                table.newest(tagged(3))
            ),
            (1, 999, 0)
        );
    }

    #[test]
    fn memory_grows_with_purges() {
        let table = PurgeTable::new();
        let pages = || {
            table
                .pages
                .iter()
                .filter(|page| page.get().is_some())
                .count()
        };
        assert_eq!(pages(), 0);
        table.remember(tagged(1), 1);
        assert_eq!((pages(), table.newest(tagged(2))), (1, 0));
    }

    #[test]
    fn highest_number_fits() {
        let table = PurgeTable::with_pages(1);
        table.remember(u64::MAX, MAX_NUMBER);
        assert_eq!(table.newest(u64::MAX), MAX_NUMBER);
    }

    proptest! {
        #[test]
        fn no_purge_is_ever_missed(
            purged in prop::collection::vec((0u64..40, 0u64..2), 1..200),
        ) {
            let table = PurgeTable::with_pages(1);
            let mut model = HashMap::new();
            for (number, (tag, bucket)) in (1u64..).zip(purged) {
                let hash = tagged(tag) + bucket;
                table.remember(hash, number);
                model.insert(hash, number);
                for (hash, number) in &model {
                    prop_assert!(table.newest(*hash) >= *number);
                }
                prop_assert_eq!(table.newest(hash), number);
            }
        }

        /// A fact that was asked after all that the table has lost is judged exactly.
        #[test]
        fn only_facts_older_than_the_floor_are_refused_in_excess(
            purged in prop::collection::vec(0u64..40, 1..200),
        ) {
            let table = PurgeTable::with_pages(1);
            let mut model = HashMap::new();
            for (number, tag) in (1u64..).zip(purged) {
                table.remember(tagged(tag), number);
                model.insert(tag, number);
            }
            let mut numbers: Vec<u64> = model.values().copied().collect();
            numbers.sort_unstable();
            let kept = numbers.len().saturating_sub(7);
            let folded = numbers.get(kept.wrapping_sub(1)).copied().unwrap_or(0);
            for tag in 0..40 {
                let exact = model.get(&tag).copied().unwrap_or(0);
                prop_assert_eq!(table.newest(tagged(tag)), exact.max(folded));
            }
        }
    }
}
