//! Which files are opened, and what is said of the others.

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
    open_with(place, key).expect_err("a key that does not fit").to_string()
}

#[test]
fn only_its_owner_may_read_it_and_nothing_else_is_left_beside_it() {
    let place = Place::new();
    drop(place.open());
    let mode = place.file().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 1);
}

#[test]
fn a_file_that_everybody_may_write_is_refused_and_left_as_it_is() {
    let place = Place::new();
    bind(&place.open(), 1);
    let (bytes, allow) = (place.bytes(), |mode| {
        std::fs::set_permissions(place.file(), std::fs::Permissions::from_mode(mode)).unwrap();
    });
    for mode in [0o666, 0o602] {
        allow(mode);
        let refusal = place.refusal();
        assert!(refusal.contains("everybody") && refusal.contains("chmod 600"), "{refusal}");
    }
    assert_eq!(place.bytes(), bytes);
    allow(0o660);
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn one_process_at_a_time_has_it_open() {
    let place = Place::new();
    let bindings = place.open();
    let refusal = place.refusal();
    assert!(refusal.contains("in use by another process"), "{refusal}");
    bind(&bindings, 1);
    drop(bindings);
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn a_missing_folder_is_named() {
    let place = Place::new();
    let file = place.folder().join("no/such/bindings.redb");
    let refusal = StoredBindings::open(&file, None, at(NOW)).expect_err("no folder").to_string();
    assert!(refusal.contains("no folder") && refusal.contains("no/such"), "{refusal}");
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
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
        assert!(refusal.contains("damaged, or no store") && refusal.contains("move it away"), "{refusal}");
        assert_eq!(place.bytes(), bytes, "{what}");
    }
    let place = Place::new();
    let other: TableDefinition<'_, &str, u32> = TableDefinition::new("other");
    let database = Database::create(place.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(other).unwrap().insert("a", 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    of_redb.push(place.refusal());
    let place = Place::new();
    std::fs::create_dir(place.file()).unwrap();
    assert!(place.refusal().contains("cannot be opened"));
    assert!(of_redb[0].contains("no store of bindings"), "{of_redb:?}");
}

#[test]
fn another_version_is_not_touched() {
    let place = Place::new();
    bind(&place.open(), 1);
    let about: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
    let set = |version: u32| {
        let database = Database::open(place.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(about).unwrap().insert("version", &version.to_le_bytes()[..]).unwrap();
        transaction.commit().unwrap();
    };
    set(2);
    let refusal = place.refusal();
    assert!(refusal.contains("of version 2"), "{refusal}");
    set(1);
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn a_configured_key_is_needed_again_and_is_not_in_the_file() {
    let place = Place::new();
    bind(&open_with(&place, Some(KEY)).unwrap(), 1);
    assert!(!place.bytes().windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    for (key, told) in
        [(None, "was written with a configured key"), (Some("another key"), "with another key")]
    {
        let refusal = refusal_with(&place, key);
        assert!(refusal.contains(told) && refusal.contains("[bindings] key"), "{refusal}");
        assert!(!refusal.contains("another key") || key.is_some());
    }
    assert_eq!(missing(&open_with(&place, Some(KEY)).unwrap(), 1..2), NONE);
}

#[test]
fn a_store_with_a_key_of_its_own_takes_no_other() {
    let place = Place::new();
    bind(&place.open(), 1);
    let refusal = refusal_with(&place, Some(KEY));
    assert!(refusal.contains("has a key of its own"), "{refusal}");
    assert_eq!(missing(&place.open(), 1..2), NONE);
}

#[test]
fn two_stores_keep_the_same_token_differently() {
    let (one, other) = (Place::new(), Place::new());
    bind(&one.open(), 1);
    bind(&other.open(), 1);
    let place = |store: &Place| {
        let bindings: TableDefinition<'_, [u8; 32], (i64, [u8; 32], &str)> = TableDefinition::new("bindings");
        let database = Database::open(store.file()).unwrap();
        let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
        let table = transaction.open_table(bindings).unwrap();
        redb::ReadableTable::first(&table).unwrap().unwrap().0.value()
    };
    assert_ne!(place(&one), place(&other));
}
