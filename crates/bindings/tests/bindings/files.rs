//! Files that are opened, and reasons why others are refused.

use std::os::unix::fs::PermissionsExt;

use introspectd_bindings::{OpenFailed, StoredBindings};
use redb::{Database, TableDefinition};
use secrecy::SecretString;

use crate::given::{NONE, NOW, Place, at, bind, missing};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn open_with(place: &Place, key: Option<&str>) -> Result<StoredBindings, OpenFailed> {
    StoredBindings::open(&place.file(), key.map(SecretString::from).as_ref(), at(NOW))
}

#[track_caller]
fn refusal_with(place: &Place, key: Option<&str>) -> String {
    open_with(place, key)
        .expect_err("a key that does not fit")
        .to_string()
}

#[test]
fn new_file_is_private_and_alone_in_its_folder() {
    let place = Place::new();
    drop(place.open());
    let mode = place.file().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 1);
}

#[test]
fn world_writable_file_is_refused_untouched() {
    let place = Place::new();
    bind(&place.open(), 1);
    let bytes = place.bytes();
    let allow = |mode| {
        std::fs::set_permissions(place.file(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o666, 0o602] {
        allow(mode);
        let refusal = place.refusal();
        assert!(
            refusal.contains("world-writable") && refusal.contains("chmod 600"),
            "{refusal}"
        );
    }
    assert_eq!(place.bytes(), bytes);
    allow(0o660);
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn second_process_is_refused() {
    let place = Place::new();
    let bindings = place.open();
    let refusal = place.refusal();
    assert!(refusal.contains("in use by another process"), "{refusal}");
    bind(&bindings, 1);
    drop(bindings);
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn missing_folder_is_named() {
    let place = Place::new();
    let file = place.folder().join("no/such/bindings.redb");
    let refusal = StoredBindings::open(&file, None, at(NOW))
        .expect_err("no folder")
        .to_string();
    assert!(
        refusal.contains("does not exist") && refusal.contains("no/such"),
        "{refusal}"
    );
}

#[test]
fn other_files_are_refused_untouched() {
    let mut of_redb = Vec::new();
    for (what, bytes) in [
        ("text", &b"path = \"bindings\"\n"[..]),
        ("nothing", b""),
        ("zeros", &[0; 100_000]),
        ("the name of its format", b"redb\x1a\n\xa9\r\n"),
    ] {
        let place = Place::new();
        std::fs::write(place.file(), bytes).unwrap();
        let refusal = place.refusal();
        assert!(
            refusal.contains("damaged, or not a bindings store")
                && refusal.contains("move it away"),
            "{refusal}"
        );
        assert_eq!(place.bytes(), bytes, "{what}");
    }
    let place = Place::new();
    let other: TableDefinition<'_, &str, u32> = TableDefinition::new("other");
    let database = Database::create(place.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(other)
        .unwrap()
        .insert("a", 1)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    of_redb.push(place.refusal());
    let place = Place::new();
    std::fs::create_dir(place.file()).unwrap();
    assert!(place.refusal().contains("cannot be opened"));
    assert!(of_redb[0].contains("not a bindings store"), "{of_redb:?}");
}

#[test]
fn unknown_version_is_refused_untouched() {
    let place = Place::new();
    bind(&place.open(), 1);
    let about: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
    let set = |version: u32| {
        let database = Database::open(place.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(about)
            .unwrap()
            .insert("version", &version.to_le_bytes()[..])
            .unwrap();
        transaction.commit().unwrap();
    };
    set(2);
    let refusal = place.refusal();
    assert!(refusal.contains("of version 2"), "{refusal}");
    set(1);
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn configured_key_is_required_again_and_not_stored() {
    let place = Place::new();
    bind(&open_with(&place, Some(KEY)).unwrap(), 1);
    assert!(
        !place
            .bytes()
            .windows(KEY.len())
            .any(|part| part == KEY.as_bytes())
    );
    for (key, reason) in [
        (None, "was written with a configured key"),
        (Some("another key"), "with another key"),
    ] {
        let refusal = refusal_with(&place, key);
        assert!(
            refusal.contains(reason) && refusal.contains("[bindings] key"),
            "{refusal}"
        );
        assert!(!refusal.contains("another key") || key.is_some());
    }
    assert_eq!(missing(&open_with(&place, Some(KEY)).unwrap(), 1..2), NONE);
}

#[test]
fn store_with_its_own_key_refuses_a_configured_one() {
    let place = Place::new();
    bind(&place.open(), 1);
    let refusal = refusal_with(&place, Some(KEY));
    assert!(refusal.contains("has a key of its own"), "{refusal}");
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn two_stores_hash_the_same_token_differently() {
    let one = Place::new();
    let other = Place::new();
    bind(&one.open(), 1);
    bind(&other.open(), 1);
    let place = |store: &Place| {
        let bindings: TableDefinition<'_, [u8; 32], (i64, [u8; 32], &str)> =
            TableDefinition::new("bindings");
        let database = Database::open(store.file()).unwrap();
        let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
        let table = transaction.open_table(bindings).unwrap();
        redb::ReadableTable::first(&table)
            .unwrap()
            .unwrap()
            .0
            .value()
    };
    assert_ne!(place(&one), place(&other));
}
