use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use introspectd_core::{Timestamp, TokenId};
use introspectd_keys::Key;
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableError};

use crate::disk::Disk;
use crate::keys::{EntryKey, Keys};
use crate::store::{ABOUT, BINDINGS, REVOKED, Store, sweep, write};

/// Failure to open a bindings file, whose content is left as it was: never emptied, never replaced.
#[derive(Debug, thiserror::Error)]
#[error("bindings store {file} {reason}", file = file.display())]
pub struct OpenFailed {
    file: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("cannot be created: directory {} does not exist. Create it, or configure another \
        path", .0.display())]
    NoFolder(PathBuf),
    #[error("cannot be opened: {0}. Correct that, or configure another path")]
    Io(#[from] io::Error),
    #[error(
        "is world-writable, so that any local user could bind any token to any record. Check who \
            wrote it, then `chmod 600` it"
    )]
    Exposed,
    #[error("is in use by another process. Configure a separate path for each process")]
    InUse,
    #[error(
        "is damaged, or not a bindings store. Restore a copy of it, or move it away to start \
            without bindings: tokens bound before are then inactive until they are bound again"
    )]
    Damaged,
    #[error(
        "is of version {0}, unknown to this program. Run the program that wrote it, or move it \
            away to start without bindings"
    )]
    Version(u32),
    #[error(
        "was written with another key. Configure that one as [bindings] key, or move the file \
            away to start without bindings"
    )]
    OtherKey,
    #[error(
        "was written with a configured key. Configure it as [bindings] key, or move the file away \
            to start without bindings"
    )]
    KeyNeeded,
    #[error(
        "has a key of its own. Leave [bindings] key out, or move the file away to start without \
            bindings"
    )]
    OwnKey,
}

/// Version of our tables, not of redb's format.
const VERSION: u32 = 1;

const VERSION_ENTRY: &str = "version";
const CHECK_ENTRY: &str = "check";
/// Absent if the key is configured.
const KEY_ENTRY: &str = "key";

/// Page cache of the database. redb's default is 1 GiB; bindings are few, and a miss costs a
/// provider request anyway.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Most ended bindings that one transaction removes on opening.
const SWEEP_AT_OPEN: usize = 10_000;

/// Opens the file, creating it if missing, and reads its revocations.
pub(crate) fn open_or_create(
    file: &Path,
    key: Option<&[u8]>,
    now: Timestamp,
) -> Result<(Store, Vec<(EntryKey, Timestamp)>), OpenFailed> {
    let failed = |reason| OpenFailed {
        file: file.to_owned(),
        reason,
    };
    guarded(|| {
        if file.try_exists()? {
            Ok(())
        } else {
            create(file, key)
        }
    })
    .map_err(failed)?;
    let store = open(file, key, now)?;
    let revocations = guarded(|| store.revocations().map_err(reason)).map_err(failed)?;
    Ok((store, revocations))
}

/// Opens, verifies and sweeps the database, and reads its keys.
pub(crate) fn open(file: &Path, key: Option<&[u8]>, now: Timestamp) -> Result<Store, OpenFailed> {
    let opened = guarded(|| {
        check_mode(file)?;
        let disk = disk(file)?;
        let mut settings = settings();
        settings.set_check_integrity_on_open(true);
        let mut database = settings.create_with_backend(disk.clone()).map_err(reason)?;
        let keys = Arc::new(read_keys(&database, key)?);
        check_seals(&database, &keys)?;
        while write(&database, |transaction| {
            sweep(transaction, now, SWEEP_AT_OPEN)
        })
        .map_err(reason)?
            == SWEEP_AT_OPEN
            && !disk.is_behind()
        {}
        // On a full disk the rest is left for later.
        if disk.flush().is_ok() {
            database.compact().map_err(reason)?;
        }
        Ok(Store {
            database,
            disk,
            keys,
        })
    });
    opened.map_err(|reason| OpenFailed {
        file: file.to_owned(),
        reason,
    })
}

/// Opens the file, refusing an empty one, which redb would initialize.
fn disk(file: &Path) -> Result<Disk, Reason> {
    let file = OpenOptions::new().read(true).write(true).open(file)?;
    if file.metadata()?.len() == 0 {
        return Err(Reason::Damaged);
    }
    Ok(Disk::new(FileBackend::new(file).map_err(reason)?))
}

/// Refuses a world-writable file: its own key would let any local user seal entries. Group access
/// is allowed, since volumes are handed to a container's user that way.
fn check_mode(file: &Path) -> Result<(), Reason> {
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o002 == 0 {
        Ok(())
    } else {
        Err(Reason::Exposed)
    }
}

/// Turns redb's panics on damaged files into errors.
fn guarded<T>(open: impl FnOnce() -> Result<T, Reason>) -> Result<T, Reason> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or(Err(Reason::Damaged))
}

fn settings() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Creates the file under a temporary name, so that a kill leaves no partial store at `file`, and
/// links it, so that one created concurrently is not replaced.
fn create(file: &Path, key: Option<&[u8]>) -> Result<(), Reason> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Reason::NoFolder(folder.to_owned()));
    }
    let root = Key::random()?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", random_name()?));
    let unfinished = PathBuf::from(name);
    let made = fill(
        &unfinished,
        key.is_none().then_some(root.expose()),
        &Keys::derive(key.unwrap_or(root.expose())),
    );
    let linked = made.and_then(|()| match std::fs::hard_link(&unfinished, file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Reason::Io(error)),
        Ok(()) | Err(_) => Ok(()),
    });
    let removed = std::fs::remove_file(&unfinished);
    linked?;
    removed?;
    File::open(folder)?.sync_all()?;
    tracing::info!(file = %file.display(), "created an empty bindings store");
    Ok(())
}

/// Random part of the name of an unfinished file.
fn random_name() -> io::Result<String> {
    let name: [u8; 8] = Key::random()?.hash(b"name").truncated();
    Ok(name.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn fill(file: &Path, own_key: Option<&[u8; 32]>, keys: &Keys) -> Result<(), Reason> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    let database = settings()
        .create_with_backend(FileBackend::new(file).map_err(reason)?)
        .map_err(reason)?;
    let written = write(&database, |transaction| {
        // Creates the empty tables.
        transaction.open_table(BINDINGS)?;
        transaction.open_table(REVOKED)?;
        let mut about = transaction.open_table(ABOUT)?;
        about.insert(VERSION_ENTRY, &VERSION.to_le_bytes()[..])?;
        about.insert(CHECK_ENTRY, &keys.check().as_bytes()[..])?;
        if let Some(own_key) = own_key {
            about.insert(KEY_ENTRY, &own_key[..])?;
        }
        Ok(())
    });
    written.map_err(reason)?;
    database.close().map_err(reason)
}

fn read_keys(database: &Database, configured: Option<&[u8]>) -> Result<Keys, Reason> {
    let transaction = database.begin_read().map_err(reason)?;
    let about = transaction.open_table(ABOUT).map_err(reason)?;
    let version = about
        .get(VERSION_ENTRY)
        .map_err(reason)?
        .ok_or(Reason::Damaged)?;
    match version.value().try_into().map(u32::from_le_bytes) {
        Ok(VERSION) => {}
        Ok(other) => return Err(Reason::Version(other)),
        Err(_) => return Err(Reason::Damaged),
    }
    let own = about.get(KEY_ENTRY).map_err(reason)?;
    let keys = match (own, configured) {
        (Some(own), None) => Keys::derive(own.value()),
        (None, Some(configured)) => Keys::derive(configured),
        (None, None) => return Err(Reason::KeyNeeded),
        (Some(_), Some(_)) => return Err(Reason::OwnKey),
    };
    let check = about
        .get(CHECK_ENTRY)
        .map_err(reason)?
        .ok_or(Reason::Damaged)?;
    let check: [u8; 32] = check.value().try_into().map_err(|_| Reason::Damaged)?;
    if keys.check() == check.into() {
        Ok(keys)
    } else {
        Err(Reason::OtherKey)
    }
}

/// Verifies the seals: redb's own checksums are not keyed, so a writer of the file can forge them.
fn check_seals(database: &Database, keys: &Keys) -> Result<(), Reason> {
    let transaction = database.begin_read().map_err(reason)?;
    for entry in transaction
        .open_table(BINDINGS)
        .map_err(reason)?
        .iter()
        .map_err(reason)?
    {
        let (key, binding) = entry.map_err(reason)?;
        let (end, seal, id) = binding.value();
        let id = TokenId::parse(id.to_owned()).map_err(|_| Reason::Damaged)?;
        if keys.seal(&key.value(), end, &id) != seal.into() {
            return Err(Reason::Damaged);
        }
    }
    let revoked = match transaction.open_table(REVOKED) {
        Ok(revoked) => revoked,
        // A file of an earlier version.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(reason(error)),
    };
    for entry in revoked.iter().map_err(reason)? {
        let (key, entry) = entry.map_err(reason)?;
        let (end, seal) = entry.value();
        if keys.revocation_seal(&key.value(), end) != seal.into() {
            return Err(Reason::Damaged);
        }
    }
    Ok(())
}

/// Translates an error of redb to one that an operator can act on.
fn reason(error: impl Into<redb::Error>) -> Reason {
    let error = error.into();
    if let redb::Error::DatabaseAlreadyOpen = error {
        return Reason::InUse;
    }
    if let redb::Error::Io(error) = error
        && !matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        )
    {
        return Reason::Io(error);
    }
    Reason::Damaged
}
