use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{Batch, Failure, Order, Position, Token};

/// Bounded selection of the first records after a position, from a list that arrives whole and
/// unsorted. Memory is limited to the records kept.
#[derive(Debug)]
pub struct Window {
    order: Order,
    after: Option<Key>,
    kept: BTreeMap<Key, Token>,
    /// Approximate size of the records kept, in bytes.
    size: usize,
    /// First record that did not fit. Later ones are refused too, or the list would have a gap.
    left_out: Option<Key>,
    limit: Limit,
}

/// Sort key of a record: creation time, then handle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CreationKey {
    /// Creation time in milliseconds since 1970.
    pub millis: i64,
    /// Tie-breaker of records of the same time. Two records with equal keys are the same token,
    /// sent twice.
    pub handle: String,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    records: usize,
    bytes: usize,
}

/// Limits of a window. Each window costs a whole list, so it holds as many records as a caller may
/// request at once, and fewer large ones.
const LIMIT: Limit = Limit {
    records: 200,
    bytes: 4 * 1024 * 1024,
};

/// Key in the order of the list. All keys of a window are of one variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Ascending(CreationKey),
    Descending(Reverse<CreationKey>),
}

impl Window {
    /// Creates a window after this position, or at the start.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for a position in numbered pages, which belongs to another kind of
    /// list.
    pub fn after(from: Option<&Position>, order: Order) -> Result<Self, Failure> {
        let after = match from {
            None => None,
            Some(Position::After { millis, handle }) => Some(CreationKey {
                millis: *millis,
                handle: handle.clone(),
            }),
            Some(Position::Page { .. }) => return Err(Failure::Unsupported),
        };
        Ok(Self::with_limit(order, after, LIMIT))
    }

    fn with_limit(order: Order, after: Option<CreationKey>, limit: Limit) -> Self {
        let after = after.map(|place| Key::new(order, place));
        Self {
            order,
            after,
            kept: BTreeMap::new(),
            size: 0,
            left_out: None,
            limit,
        }
    }

    /// Keeps the record if it is among the first.
    pub fn offer(&mut self, place: CreationKey, token: Token) {
        let key = Key::new(self.order, place);
        if self.after.as_ref().is_some_and(|after| key <= *after)
            || self
                .left_out
                .as_ref()
                .is_some_and(|left_out| key >= *left_out)
        {
            return;
        }
        self.size += token.size();
        let twin = self.kept.insert(key, token);
        self.size -= twin.as_ref().map_or(0, Token::size);
        while self.is_over()
            && let Some((key, token)) = self.kept.pop_last()
        {
            self.size -= token.size();
            self.left_out = Some(key);
        }
    }

    /// A single record always fits, or the list would never advance.
    fn is_over(&self) -> bool {
        self.kept.len() > self.limit.records || self.kept.len() > 1 && self.size > self.limit.bytes
    }

    /// Returns the records kept, in the order of the list.
    pub fn into_batch(self) -> Batch {
        let records: Vec<_> = self
            .kept
            .into_iter()
            .map(|(key, token)| (token, key.into_position()))
            .collect();
        let last = records.last().map(|(_, position)| position.clone());
        Batch {
            next: last.filter(|_| self.left_out.is_some()),
            records,
        }
    }
}

impl Key {
    fn new(order: Order, place: CreationKey) -> Self {
        match order {
            Order::Ascending => Self::Ascending(place),
            Order::Descending => Self::Descending(Reverse(place)),
        }
    }

    fn into_position(self) -> Position {
        let (Self::Ascending(CreationKey { millis, handle })
        | Self::Descending(Reverse(CreationKey { millis, handle }))) = self;
        Position::After { millis, handle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expiry, Status};
    use proptest::prelude::*;

    fn place(millis: i64, handle: &str) -> CreationKey {
        CreationKey {
            millis,
            handle: handle.to_owned(),
        }
    }

    fn token(size: usize) -> Token {
        let mut token = Token::new(Status::Unreported, Expiry::Never);
        token.sub = Some("x".repeat(size));
        token
    }

    fn places(batch: &Batch) -> Vec<CreationKey> {
        batch
            .records
            .iter()
            .map(|(_, position)| read(position))
            .collect()
    }

    fn read(position: &Position) -> CreationKey {
        match position {
            Position::After { millis, handle } => place(*millis, handle),
            Position::Page { .. } => panic!("{position:?}"),
        }
    }

    /// Reads the list to its end, like a caller that takes `taken` records of each batch.
    fn walk(
        list: &[(CreationKey, usize)],
        order: Order,
        limit: Limit,
        taken: usize,
    ) -> Vec<Vec<CreationKey>> {
        let mut seen = Vec::new();
        let mut from = None;
        loop {
            let mut window = Window::with_limit(order, from, limit);
            for (place, size) in list {
                window.offer(place.clone(), token(*size));
            }
            let batch = window.into_batch();
            let mut batch_places = places(&batch);
            assert!(
                batch
                    .next
                    .as_ref()
                    .map(read)
                    .is_none_or(|next| Some(&next) == batch_places.last())
            );
            let is_cut = taken < batch_places.len();
            batch_places.truncate(taken);
            from = batch_places.last().cloned();
            let is_end = !is_cut && batch.next.is_none();
            seen.push(batch_places);
            if is_end {
                return seen;
            }
        }
    }

    #[test]
    fn positions_in_numbered_pages_are_refused() {
        let as_of = crate::Instant {
            second: crate::Timestamp::MIN,
            nanos: 0,
        };
        let page = Position::Page {
            number: 1,
            taken: 0,
            as_of,
        };
        let window = Window::after(Some(&page), Order::Ascending);
        assert_eq!(window.map(|_| ()), Err(Failure::Unsupported));
    }

    #[test]
    fn records_that_fill_the_limit_to_the_last_byte_fit() {
        let limit = Limit {
            records: 3,
            bytes: 2 * token(10).size(),
        };
        let mut window = Window::with_limit(Order::Ascending, None, limit);
        window.offer(place(1, "a"), token(10));
        window.offer(place(2, "b"), token(10));
        let batch = window.into_batch();
        assert_eq!((places(&batch).len(), batch.next), (2, None));
    }

    #[test]
    fn first_records_of_the_order_are_kept() {
        let list: Vec<_> = [3, 1, 2, 1]
            .iter()
            .zip(["a", "b", "c", "d"])
            .map(|(m, h)| (place(*m, h), 0))
            .collect();
        let limit = Limit {
            records: 2,
            bytes: usize::MAX,
        };
        let two = |[a, b]: [(i64, &str); 2]| vec![place(a.0, a.1), place(b.0, b.1)];
        assert_eq!(
            walk(&list, Order::Ascending, limit, 9),
            [two([(1, "b"), (1, "d")]), two([(2, "c"), (3, "a")])]
        );
        assert_eq!(
            walk(&list, Order::Descending, limit, 9),
            [two([(3, "a"), (2, "c")]), two([(1, "d"), (1, "b")])]
        );
    }

    #[test]
    fn list_that_fits_ends_with_one_batch() {
        let full = Limit {
            records: 2,
            bytes: usize::MAX,
        };
        assert_eq!(walk(&[], Order::Ascending, full, 9), [vec![]]);
        let list = [(place(1, "a"), 0), (place(1, "b"), 0)];
        assert_eq!(walk(&list, Order::Ascending, full, 9).len(), 1);
    }

    #[test]
    fn records_with_equal_keys_are_merged() {
        let limit = Limit {
            records: 1,
            bytes: usize::MAX,
        };
        let list = [
            (place(1, "a"), 5),
            (place(1, "a"), 7),
            (place(2, "b"), 0),
            (place(1, "a"), 0),
        ];
        assert_eq!(
            walk(&list, Order::Ascending, limit, 9).concat(),
            [place(1, "a"), place(2, "b")]
        );
    }

    #[test]
    fn oversized_record_still_fits_alone() {
        let limit = Limit {
            records: 9,
            bytes: 1,
        };
        let list = [(place(1, "a"), 1000), (place(2, "b"), 1000)];
        assert_eq!(walk(&list, Order::Ascending, limit, 9).len(), 2);
    }

    proptest! {
        #[test]
        fn every_record_is_seen_once_in_order(
            list in prop::collection::vec(((0i64..5, "[a-c]{1,2}"), 0usize..3000), 0..60),
            records in 1usize..8,
            bytes in 1usize..10_000,
            taken in 1usize..10,
            descending: bool,
        ) {
            let placed = |((at, handle), size): ((_, String), _)| (place(at, &handle), size);
            let list: Vec<_> = list.into_iter().map(placed).collect();
            let order = if descending { Order::Descending } else { Order::Ascending };
            let seen = walk(&list, order, Limit { records, bytes }, taken);
            prop_assert!(seen.iter().all(|batch| batch.len() <= records));
            let mut all: Vec<_> = list.into_iter().map(|(place, _)| place).collect();
            all.sort();
            all.dedup();
            if descending {
                all.reverse();
            }
            prop_assert_eq!(seen.concat(), all);
        }

        #[test]
        fn window_never_exceeds_its_limits(sizes in prop::collection::vec(0usize..3000, 0..60)) {
            let limit = Limit { records: 5, bytes: 6000 };
            let mut window = Window::with_limit(Order::Descending, None, limit);
            for (millis, size) in (0..).zip(sizes) {
                window.offer(place(millis, "a"), token(size));
                prop_assert!(window.kept.len() <= 5);
                let size: usize = window.kept.values().map(Token::size).sum();
                prop_assert_eq!(window.size, size);
                prop_assert!(size <= 6000);
            }
        }
    }
}
