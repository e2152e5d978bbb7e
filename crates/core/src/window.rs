use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{Batch, Failure, Order, Position, Token};

/// The first records after a position, of a list that comes in any order and all at once. It holds no more than these,
/// whatever comes.
#[derive(Debug)]
pub struct Window {
    order: Order,
    after: Option<Key>,
    kept: BTreeMap<Key, Token>,
    /// Of what is kept, in bytes, about.
    size: usize,
    /// The first record that there was no room for. What comes after it has none either, or there would be a gap.
    left_out: Option<Key>,
    most: Room,
}

/// Where a record stands in the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CreationKey {
    /// When it was created, in milliseconds since 1970.
    pub millis: i64,
    /// What tells it from others of the same time. Two of one place are the same token, told twice.
    pub handle: String,
}

#[derive(Debug, Clone, Copy)]
struct Room {
    records: usize,
    bytes: usize,
}

/// As many records as a caller may ask for at once, since each time costs a whole list. Fewer of those that are large.
const MOST: Room = Room { records: 200, bytes: 4 * 1024 * 1024 };

/// Sorts as the list is ordered. Those of a window are all of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Ascending(CreationKey),
    Descending(Reverse<CreationKey>),
}

impl Window {
    /// What comes after this position, or from the start.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where the position is one in counted pages, and so not of such a list.
    pub fn after(from: Option<&Position>, order: Order) -> Result<Self, Failure> {
        let after = match from {
            None => None,
            Some(Position::After { millis, handle }) => {
                Some(CreationKey { millis: *millis, handle: handle.clone() })
            }
            Some(Position::Page { .. }) => return Err(Failure::Unsupported),
        };
        Ok(Self::with_room(order, after, MOST))
    }

    fn with_room(order: Order, after: Option<CreationKey>, most: Room) -> Self {
        let after = after.map(|place| Key::new(order, place));
        Self { order, after, kept: BTreeMap::new(), size: 0, left_out: None, most }
    }

    /// Keeps the record, if it is among the first.
    pub fn offer(&mut self, place: CreationKey, token: Token) {
        let key = Key::new(self.order, place);
        if self.after.as_ref().is_some_and(|after| key <= *after)
            || self.left_out.as_ref().is_some_and(|left_out| key >= *left_out)
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

    /// A single record has room whatever its size, or the list would never go on.
    fn is_over(&self) -> bool {
        self.kept.len() > self.most.records || self.kept.len() > 1 && self.size > self.most.bytes
    }

    /// What was kept, in the list's order.
    pub fn into_batch(self) -> Batch {
        let records: Vec<_> =
            self.kept.into_iter().map(|(key, token)| (token, key.into_position())).collect();
        let last = records.last().map(|(_, position)| position.clone());
        Batch { next: last.filter(|_| self.left_out.is_some()), records }
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
        CreationKey { millis, handle: handle.to_owned() }
    }

    fn token(size: usize) -> Token {
        let mut token = Token::new(Status::Unreported, Expiry::Never);
        token.sub = Some("x".repeat(size));
        token
    }

    fn places(batch: &Batch) -> Vec<CreationKey> {
        batch.records.iter().map(|(_, position)| read(position)).collect()
    }

    fn read(position: &Position) -> CreationKey {
        match position {
            Position::After { millis, handle } => place(*millis, handle),
            Position::Page { .. } => panic!("{position:?}"),
        }
    }

    /// From the list's start to its end, as a caller does who takes so many of each batch.
    fn walk(list: &[(CreationKey, usize)], order: Order, most: Room, taken: usize) -> Vec<Vec<CreationKey>> {
        let (mut seen, mut from) = (Vec::new(), None);
        loop {
            let mut window = Window::with_room(order, from, most);
            for (place, size) in list {
                window.offer(place.clone(), token(*size));
            }
            let batch = window.into_batch();
            let mut batch_places = places(&batch);
            assert!(batch.next.as_ref().map(read).is_none_or(|next| Some(&next) == batch_places.last()));
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
    fn a_position_in_counted_pages_is_of_no_such_list() {
        let as_of = crate::Instant { second: crate::Timestamp::MIN, nanos: 0 };
        let page = Position::Page { number: 1, taken: 0, as_of };
        let window = Window::after(Some(&page), Order::Ascending);
        assert_eq!(window.map(|_| ()), Err(Failure::Unsupported));
    }

    #[test]
    fn the_first_of_the_order_are_kept() {
        let list: Vec<_> =
            [3, 1, 2, 1].iter().zip(["a", "b", "c", "d"]).map(|(m, h)| (place(*m, h), 0)).collect();
        let most = Room { records: 2, bytes: usize::MAX };
        let two = |[a, b]: [(i64, &str); 2]| vec![place(a.0, a.1), place(b.0, b.1)];
        assert_eq!(
            walk(&list, Order::Ascending, most, 9),
            [two([(1, "b"), (1, "d")]), two([(2, "c"), (3, "a")])]
        );
        assert_eq!(
            walk(&list, Order::Descending, most, 9),
            [two([(3, "a"), (2, "c")]), two([(1, "d"), (1, "b")])]
        );
    }

    #[test]
    fn a_list_that_has_room_ends_with_it() {
        let full = Room { records: 2, bytes: usize::MAX };
        assert_eq!(walk(&[], Order::Ascending, full, 9), [vec![]]);
        let list = [(place(1, "a"), 0), (place(1, "b"), 0)];
        assert_eq!(walk(&list, Order::Ascending, full, 9).len(), 1);
    }

    #[test]
    fn two_of_one_place_are_one() {
        let most = Room { records: 1, bytes: usize::MAX };
        let list = [(place(1, "a"), 5), (place(1, "a"), 7), (place(2, "b"), 0), (place(1, "a"), 0)];
        assert_eq!(walk(&list, Order::Ascending, most, 9).concat(), [place(1, "a"), place(2, "b")]);
    }

    #[test]
    fn one_record_has_room_whatever_its_size() {
        let most = Room { records: 9, bytes: 1 };
        let list = [(place(1, "a"), 1000), (place(2, "b"), 1000)];
        assert_eq!(walk(&list, Order::Ascending, most, 9).len(), 2);
    }

    proptest! {
        #[test]
        fn each_record_is_seen_once_in_order(
            list in prop::collection::vec(((0i64..5, "[a-c]{1,2}"), 0usize..3000), 0..60),
            records in 1usize..8,
            bytes in 1usize..10_000,
            taken in 1usize..10,
            descending: bool,
        ) {
            let list: Vec<_> = list.into_iter().map(|((m, h), size)| (place(m, &h), size)).collect();
            let order = if descending { Order::Descending } else { Order::Ascending };
            let seen = walk(&list, order, Room { records, bytes }, taken);
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
        fn no_more_is_held_than_has_room(sizes in prop::collection::vec(0usize..3000, 0..60)) {
            let most = Room { records: 5, bytes: 6000 };
            let mut window = Window::with_room(Order::Descending, None, most);
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
