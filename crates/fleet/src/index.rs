use std::collections::{HashMap, VecDeque};

use crate::message::{Author, Message};
use crate::store::EntryId;

/// Order of the purges that are in force here: which place in the replica's own order each entry of
/// the stream has.
///
/// A fact of another replica carries the id of the last entry before its request, and has that
/// entry's place here.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Ids in their order, with the places they were given. The oldest stays.
    places: VecDeque<(EntryId, u64)>,
    authors: HashMap<Author, Written>,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    number: u64,
    at: EntryId,
}

/// Most entries with a place. Past it every other one of them loses its own, and with it the facts
/// that were asked for after it.
const MAX_PLACES: usize = 1 << 16;

/// Most authors whose numbers are compared. The one that was silent for longest makes room; when it
/// writes again, its earlier entry counts as lost.
const MAX_AUTHORS: usize = 4096;

/// Entries that should be there, and are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap;

/// Relation of an entry to those of its author before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequel {
    /// The next one.
    New,
    /// One that was there before: written twice since its writing was not confirmed, or copied.
    Repeated,
}

/// Place of another replica's fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Asked for after the purge of this place, and before the next.
    At(u64),
    /// Asked for after an entry that was not read here yet.
    Ahead,
    /// Asked for after an entry that is not in the stream: purges since then may be unknown.
    Unknown,
}

impl Index {
    /// Id of the last entry that is in force here.
    pub(crate) fn last(&self) -> Option<EntryId> {
        self.places.back().map(|(id, _)| *id)
    }

    /// Gives an entry its place.
    pub(crate) fn push(&mut self, id: EntryId, place: u64) {
        self.places.push_back((id, place));
        if self.places.len() > MAX_PLACES {
            let mut nth = 0_usize;
            self.places.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            // The last one is where the next reading begins.
            if self.last() != Some(id) {
                self.places.push_back((id, place));
            }
        }
    }

    /// Returns the place of a fact that was asked for after this entry.
    ///
    /// The very entry has to be known: a stream that was lost and begun anew may have lower ids.
    pub(crate) fn place(&self, asked_after: EntryId) -> Place {
        if self.last().is_none_or(|last| asked_after > last) {
            return Place::Ahead;
        }
        let found = self
            .places
            .binary_search_by_key(&asked_after, |(id, _)| *id);
        let place = found.ok().and_then(|nth| self.places.get(nth));
        place.map_or(Place::Unknown, |(_, place)| Place::At(*place))
    }

    /// Forgets all places: facts that were asked for before the next entry have none.
    pub(crate) fn forget_places(&mut self) {
        self.places.clear();
    }

    /// Compares an entry with what its author wrote before.
    ///
    /// # Errors
    /// A [`Gap`] if an entry of its author is missing.
    pub(crate) fn check(&mut self, id: EntryId, message: &Message) -> Result<Sequel, Gap> {
        let oldest = self.places.front().map(|(id, _)| *id);
        let known = self.authors.get(&message.author).copied();
        let sequel = match known {
            Some(written) if message.number <= written.number => Ok(Sequel::Repeated),
            Some(written) if message.number == written.number + 1 => Ok(Sequel::New),
            Some(_) => Err(Gap),
            None => match (message.before, oldest) {
                (Some(before), Some(oldest)) if before >= oldest => Err(Gap),
                (Some(_) | None, _) => Ok(Sequel::New),
            },
        };
        let number = known.map_or(message.number, |known| known.number.max(message.number));
        self.authors
            .insert(message.author, Written { number, at: id });
        self.limit_authors();
        sequel
    }

    fn limit_authors(&mut self) {
        if self.authors.len() > MAX_AUTHORS {
            let oldest = self.authors.iter().min_by_key(|(_, written)| written.at);
            if let Some(author) = oldest.map(|(author, _)| *author) {
                self.authors.remove(&author);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn id(millis: u64) -> EntryId {
        EntryId {
            millis,
            sequence: 0,
        }
    }

    fn message(author: u8, number: u64, before: Option<u64>) -> Message {
        Message {
            author: [author; 16],
            number,
            before: before.map(id),
            purges: Vec::new(),
        }
    }

    #[test]
    fn fact_has_the_place_of_the_entry_before_its_request() {
        let mut index = Index::default();
        assert_eq!((index.last(), index.place(id(5))), (None, Place::Ahead));
        index.push(id(10), 3);
        index.push(id(20), 8);
        for (asked_after, place) in [
            (9, Place::Unknown),
            (10, Place::At(3)),
            (19, Place::Unknown),
            (20, Place::At(8)),
            (99, Place::Ahead),
        ] {
            assert_eq!(index.place(id(asked_after)), place, "{asked_after}");
        }
        assert_eq!(index.last(), Some(id(20)));
        index.forget_places();
        index.push(id(30), 9);
        assert_eq!(index.place(id(20)), Place::Unknown);
    }

    #[test]
    fn missing_number_of_an_author_is_a_gap() {
        let mut index = Index::default();
        index.push(id(1), 1);
        let mut check =
            |author, number, before| index.check(id(5), &message(author, number, before));
        assert_eq!(check(1, 1, None), Ok(Sequel::New));
        assert_eq!(check(1, 2, Some(2)), Ok(Sequel::New));
        assert_eq!(check(1, 2, Some(2)), Ok(Sequel::Repeated), "written again");
        assert_eq!(check(1, 4, Some(4)), Err(Gap));
        assert_eq!(check(1, 5, Some(4)), Ok(Sequel::New));
        assert_eq!(
            check(1, 3, Some(4)),
            Ok(Sequel::Repeated),
            "copied from before"
        );
        assert_eq!(check(1, 7, Some(4)), Err(Gap), "a copy resets no number");
    }

    #[test]
    fn first_entry_of_an_author_may_miss_what_was_trimmed_only() {
        let mut index = Index::default();
        index.push(id(10), 1);
        assert_eq!(
            index.check(id(12), &message(1, 9, Some(9))),
            Ok(Sequel::New)
        );
        assert_eq!(index.check(id(12), &message(2, 9, Some(10))), Err(Gap));
    }

    #[test]
    fn authors_are_bounded() {
        let mut index = Index::default();
        index.push(id(1), 1);
        for nth in 0..u64::try_from(MAX_AUTHORS).unwrap() + 10 {
            let mut author = [0; 16];
            author[..8].copy_from_slice(&nth.to_le_bytes());
            let first = Message {
                author,
                ..message(0, 1, None)
            };
            assert_eq!(index.check(id(nth), &first), Ok(Sequel::New));
        }
        assert_eq!(index.authors.len(), MAX_AUTHORS);
    }

    proptest! {
        #[test]
        fn thinned_index_never_gives_another_place(asked_after in 0u64..200_000) {
            let last = u64::try_from(MAX_PLACES).unwrap() + 100;
            let mut index = Index::default();
            for nth in 1..=last {
                index.push(id(nth * 2), nth);
            }
            prop_assert!(index.places.len() <= MAX_PLACES);
            match index.place(id(asked_after)) {
                Place::At(place) => prop_assert_eq!(asked_after, place * 2),
                Place::Ahead => prop_assert!(asked_after > last * 2),
                Place::Unknown => prop_assert!(asked_after < last * 2),
            }
        }
    }
}
