//! Damaged files: each is refused, or still has all its bindings.

use std::sync::LazyLock;

use proptest::prelude::*;
use redb::{Database, TableDefinition};

use crate::given::{NONE, Place, bind, missing};

const BOUND: u32 = 40;

/// Bytes of a store, after a crash and after closing.
static FILLED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let place = Place::new();
    let bindings = place.open();
    (0..BOUND).for_each(|number| bind(&bindings, number));
    let crashed = place.bytes();
    drop(bindings);
    [crashed, place.bytes()]
});

fn filled(closed: bool) -> Vec<u8> {
    FILLED[usize::from(closed)].clone()
}

/// Opens a file of these bytes and returns true if it is refused; otherwise all bindings must be
/// there.
fn is_refused(bytes: &[u8]) -> (bool, Vec<u8>) {
    let place = Place::new();
    std::fs::write(place.file(), bytes).unwrap();
    match place.try_open() {
        Ok(bindings) => {
            assert_eq!(missing(&bindings, 0..BOUND), NONE);
            (false, Vec::new())
        }
        Err(refusal) => {
            let reason = refusal.to_string();
            assert!(
                reason.contains("is damaged") && reason.contains("move it away"),
                "{reason}"
            );
            (true, place.bytes())
        }
    }
}

#[test]
fn closed_file_with_a_flipped_bit_is_refused_untouched_or_complete() {
    let whole = filled(true);
    let mut refused = 0;
    // The head, where one bit says which state is the last, and steps that meet all parts of pages.
    let places = (0..320).step_by(3).chain((512..whole.len()).step_by(397));
    for place in places {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        let (is_refused, left) = is_refused(&bytes);
        refused += usize::from(is_refused);
        assert!(!is_refused || left == bytes, "{place}");
    }
    assert!(refused > 20, "{refused}");
    assert!(!is_refused(&whole).0);
}

#[test]
fn crashed_file_with_a_flipped_bit_is_refused_or_complete() {
    let whole = filled(false);
    let places = (9..10)
        .chain((0..320).step_by(5))
        .chain((512..whole.len()).step_by(509));
    let mut refused = 0;
    for place in places {
        for bit in if place == 9 {
            0..8
        } else {
            place % 8..place % 8 + 1
        } {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            refused += usize::from(is_refused(&bytes).0);
        }
    }
    assert!(refused > 5, "{refused}");
    assert!(!is_refused(&whole).0);
}

#[test]
fn truncated_file_is_refused() {
    for whole in [filled(true), filled(false)] {
        for length in (0..whole.len()).step_by(whole.len() / 23) {
            assert!(
                is_refused(&whole[..length]).0,
                "{length} of {}",
                whole.len()
            );
        }
    }
}

/// Forges entries with valid checksums of redb, which are not keyed.
#[test]
fn forged_entries_are_refused() {
    let table: TableDefinition<'_, [u8; 32], (i64, [u8; 32], &str)> =
        TableDefinition::new("bindings");
    type Entry = (i64, [u8; 32], String);
    let changes: [fn(&mut Entry, &Entry); 4] = [
        |entry, other| entry.2.clone_from(&other.2),
        |entry, _| entry.0 += 86_400,
        |entry, other| entry.clone_from(other),
        |entry, _| entry.2 = "249a0a2e-028a-4e15-a841-000000000009".to_owned(),
    ];
    for change in changes {
        let place = Place::new();
        let bindings = place.open();
        bind(&bindings, 1);
        bind(&bindings, 2);
        drop(bindings);
        let database = Database::open(place.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(table).unwrap();
            let entries: Vec<_> = redb::ReadableTable::iter(&table)
                .unwrap()
                .map(|entry| {
                    let (place, value) = entry.unwrap();
                    let (end, seal, id) = value.value();
                    (place.value(), (end, seal, id.to_owned()))
                })
                .collect();
            let mut changed = entries[0].1.clone();
            change(&mut changed, &entries[1].1);
            table
                .insert(entries[0].0, (changed.0, changed.1, changed.2.as_str()))
                .unwrap();
        }
        transaction.commit().unwrap();
        drop(database);
        assert!(place.refusal().contains("is damaged"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_is_refused_or_harmless(
        closed: bool,
        changes in prop::collection::vec((0usize..80_000, any::<u8>(), 1usize..600), 1..4),
    ) {
        let mut bytes = filled(closed);
        let whole = bytes.clone();
        for (place, byte, length) in changes {
            let end = (place + length).min(bytes.len());
            bytes.get_mut(place..end).unwrap_or_default().fill(byte);
        }
        let (refused, _) = is_refused(&bytes);
        prop_assert!(!refused || bytes != whole);
    }
}
