//! BlockingRevocations in both stores, and across a restart in the durable one.

use introspectd_bindings::{BlockingRevocations, MemoryBindings, StoredBindings};
use introspectd_core::{ProviderName, Remembered, Revoked, Timestamp};
use redb::{Database, TableDefinition};

use crate::given::{DAY, NOW, Place, at, bank, bind, id, missing, token};

const REVOKED: TableDefinition<'_, [u8; 32], (i64, [u8; 32])> = TableDefinition::new("revoked");

fn remember(revocations: &dyn BlockingRevocations, text: &str, end: Option<i64>) {
    revocations.remember(&bank(), Revoked::Token(&token(text)), end.map(at), at(NOW));
}

fn find(revocations: &dyn BlockingRevocations, text: &str) -> Option<Option<Timestamp>> {
    revocations
        .find(&bank(), Revoked::Token(&token(text)))
        .map(|Remembered { end }| end)
}

#[test]
fn revocation_covers_one_token_or_record_of_one_provider() {
    let memory = MemoryBindings::new().unwrap();
    let place = Place::new();
    let stored = place.open();
    for revocations in [&memory as &dyn BlockingRevocations, &stored] {
        assert_eq!(find(revocations, "t"), None);
        remember(revocations, "t", Some(NOW + 60));
        revocations.remember(&bank(), Revoked::Record(&id("i")), None, at(NOW));
        revocations.save(at(NOW)).unwrap();
        assert_eq!(find(revocations, "t"), Some(Some(at(NOW + 60))));
        assert_eq!(
            revocations.find(&bank(), Revoked::Record(&id("i"))),
            Some(Remembered { end: None })
        );
        let other = ProviderName::parse("other").unwrap();
        assert_eq!(find(revocations, "i"), None);
        assert_eq!(revocations.find(&bank(), Revoked::Record(&id("t"))), None);
        assert_eq!(revocations.find(&other, Revoked::Token(&token("t"))), None);
    }
}

#[test]
fn revocation_survives_a_restart_until_a_day_after_its_end() {
    let place = Place::new();
    let stored = place.open();
    remember(&stored, "ends", Some(NOW + 60));
    remember(&stored, "never ends", None);
    stored.save(at(NOW)).unwrap();
    drop(stored);
    let stored = place.open();
    assert_eq!(find(&stored, "ends"), Some(Some(at(NOW + 60))));
    assert_eq!(find(&stored, "never ends"), Some(None));
    remember(&stored, "never ends", Some(NOW + 9 * DAY));
    // Saved with the next write of any kind.
    bind(&stored, 1);
    drop(stored);
    let open = |now| StoredBindings::open(&place.file(), None, at(now)).unwrap();
    assert_eq!(
        find(&open(NOW + 59 + DAY), "ends"),
        Some(Some(at(NOW + 60)))
    );
    let stored = open(NOW + 60 + DAY);
    assert_eq!(find(&stored, "ends"), None);
    assert_eq!(find(&stored, "never ends"), Some(Some(at(NOW + 9 * DAY))));
    remember(&stored, "another", None);
    stored.save(at(NOW)).unwrap();
    drop(stored);
    assert_eq!(find(&open(NOW), "ends"), None, "the file has lost it, too");
}

#[test]
fn revoked_tokens_are_not_stored() {
    let place = Place::new();
    let stored = place.open();
    remember(&stored, "secret-of-1", None);
    stored.save(at(NOW)).unwrap();
    drop(stored);
    let bare = blake3::hash(b"secret-of-1");
    for text in [&b"secret-of-1"[..], bare.as_bytes()] {
        assert!(!place.bytes().windows(text.len()).any(|part| part == text));
    }
}

#[test]
fn forged_revocation_is_refused() {
    let place = Place::new();
    let stored = place.open();
    remember(&stored, "t", Some(NOW + 60));
    stored.save(at(NOW)).unwrap();
    drop(stored);
    let database = Database::open(place.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut revoked = transaction.open_table(REVOKED).unwrap();
        let (key, (_, seal)) = {
            let (key, entry) = redb::ReadableTable::first(&revoked).unwrap().unwrap();
            (key.value(), entry.value())
        };
        revoked.insert(key, (NOW - 9 * DAY, seal)).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    assert!(place.refusal().contains("is damaged"));
}

#[test]
fn file_of_a_version_without_revocations_is_opened() {
    let place = Place::new();
    bind(&place.open(), 1);
    let database = Database::open(place.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(REVOKED).unwrap());
    transaction.commit().unwrap();
    drop(database);
    let stored = place.open();
    assert!(missing(&stored, 1..2).is_empty());
    remember(&stored, "t", None);
    stored.save(at(NOW)).unwrap();
    drop(stored);
    assert_eq!(find(&place.open(), "t"), Some(None));
}
