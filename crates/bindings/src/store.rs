use std::io;
use std::sync::Arc;

use introspectd_core::{Binding, Found, Kept, ProviderName, Timestamp, TokenId, TokenValue};
use redb::{
    Database, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError,
    WriteTransaction,
};

use crate::disk::{Disk, FlushFailed};
use crate::keys::{EntryKey, Keys};
use crate::revocation_map::Changes;

/// Version of the file, and its own key or the check value of the configured one.
pub(crate) const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
/// Entry key of a token → end in seconds since 1970, seal of the entry, and id.
pub(crate) const BINDINGS: TableDefinition<'_, EntryKey, (i64, [u8; 32], &str)> =
    TableDefinition::new("bindings");
/// Entry keys by end.
const BY_END: TableDefinition<'_, (i64, EntryKey), ()> = TableDefinition::new("by_end");
/// Entry key of a revocation → end of its token (the latest possible if unknown), and seal of the
/// entry. Files of earlier versions have no such table.
pub(crate) const REVOKED: TableDefinition<'_, EntryKey, (i64, [u8; 32])> =
    TableDefinition::new("revoked");

/// Open bindings file.
pub(crate) struct Store {
    pub(crate) database: Database,
    pub(crate) disk: Disk,
    pub(crate) keys: Arc<Keys>,
}

/// Reason why a write failed.
pub(crate) enum WriteFailed {
    /// The disk is full. The store stays usable.
    NoRoom(io::Error),
    Database(redb::Error),
}

impl From<FlushFailed> for WriteFailed {
    fn from(failed: FlushFailed) -> Self {
        match failed {
            FlushFailed::NoRoom(error) => Self::NoRoom(error),
            FlushFailed::Broken(error) => Self::Database(redb::Error::Io(error)),
        }
    }
}

/// Most ended bindings that a new one removes: more than come in, and few enough not to delay it.
const SWEEP_AT_BIND: usize = 16;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

impl Store {
    pub(crate) fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
    ) -> Result<Option<Found>, redb::Error> {
        let Self { database, keys, .. } = self;
        let key = keys.entry_key(provider, token);
        let bindings = database.begin_read()?.open_table(BINDINGS)?;
        let Some(binding) = bindings.get(key)? else {
            return Ok(None);
        };
        let (id, end) = opened(keys, &key, binding.value())?;
        let end = Timestamp::from_seconds(end).unwrap_or(Timestamp::MAX);
        Ok(Some(Found { id, end }))
    }

    /// Keeps a binding unless the token is bound to another id, decided within one write
    /// transaction.
    pub(crate) fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Kept, WriteFailed> {
        let keys = &*self.keys;
        let key = keys.entry_key(provider, binding.token);
        let end = binding.end.seconds();
        let seal = keys.seal(&key, end, binding.id);
        self.write(changes, |transaction| {
            sweep(transaction, now, SWEEP_AT_BIND)?;
            let mut bindings = transaction.open_table(BINDINGS)?;
            let former = match bindings.get(key)? {
                Some(former) => Some(opened(keys, &key, former.value())?),
                None => None,
            };
            if let Some((id, end)) = &former
                && id != binding.id
                && !binding.replace
                && (now == Timestamp::MAX || now.seconds() < *end)
            {
                return Ok(Kept::OtherId);
            }
            let mut by_end = transaction.open_table(BY_END)?;
            if let Some((_, end)) = former {
                by_end.remove((end, key))?;
            }
            bindings.insert(key, (end, *seal.as_bytes(), binding.id.as_str()))?;
            by_end.insert((end, key), ())?;
            Ok(Kept::Done)
        })
    }

    /// Writes unsaved revocations and this change, both durable once this returns.
    ///
    /// For one writer at a time, so that pending writes on a full disk are this one's.
    pub(crate) fn write<T>(
        &self,
        changes: &Changes,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, WriteFailed> {
        let Self {
            database,
            disk,
            keys,
        } = self;
        disk.flush()?;
        let changed = write(database, |transaction| {
            put(transaction, keys, changes)?;
            change(transaction)
        });
        let changed = changed.map_err(WriteFailed::Database)?;
        disk.flush()?;
        Ok(changed)
    }

    /// Returns all revocations of the file, whose seals were checked on opening.
    pub(crate) fn revocations(&self) -> Result<Vec<(EntryKey, Timestamp)>, redb::Error> {
        let revoked = match self.database.begin_read()?.open_table(REVOKED) {
            Ok(revoked) => revoked,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut found = Vec::new();
        for entry in revoked.iter()? {
            let (key, entry) = entry?;
            let (end, _) = entry.value();
            found.push((
                key.value(),
                Timestamp::from_seconds(end).unwrap_or(Timestamp::MAX),
            ));
        }
        Ok(found)
    }
}

/// Verifies an entry's seal and returns its id and end.
fn opened(
    keys: &Keys,
    key: &EntryKey,
    entry: (i64, [u8; 32], &str),
) -> Result<(TokenId, i64), StorageError> {
    let (end, seal, id) = entry;
    let damaged = || StorageError::Corrupted("the seal of an entry does not match".to_owned());
    let id = TokenId::parse(id.to_owned()).map_err(|_| damaged())?;
    if keys.seal(key, end, &id) == seal.into() {
        Ok((id, end))
    } else {
        Err(damaged())
    }
}

fn put(transaction: &WriteTransaction, keys: &Keys, changes: &Changes) -> Result<(), redb::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut revoked = transaction.open_table(REVOKED)?;
    for (key, end) in changes {
        match end.map(Timestamp::seconds) {
            Some(end) => {
                drop(revoked.insert(key, (end, *keys.revocation_seal(key, end).as_bytes()))?)
            }
            None => drop(revoked.remove(key)?),
        }
    }
    Ok(())
}

/// Commits a change, durable once this returns.
///
/// Commits twice, the second time without a change: the file has two states, the last and the
/// previous one, and opens with the previous one if the last is damaged. Both then hold the change.
pub(crate) fn write<T>(
    database: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
) -> Result<T, redb::Error> {
    let transaction = database.begin_write()?;
    let changed = change(&transaction)?;
    transaction.commit()?;
    let again = database.begin_write()?;
    again.open_table(ABOUT)?.insert("again", &[][..])?;
    again.commit()?;
    Ok(changed)
}

/// Removes up to `at_most` bindings that ended a day ago, and returns their number.
pub(crate) fn sweep(
    transaction: &WriteTransaction,
    now: Timestamp,
    at_most: usize,
) -> Result<usize, redb::Error> {
    // `Timestamp::MAX` means the wall clock is unusable; expire nothing.
    if now == Timestamp::MAX {
        return Ok(0);
    }
    let mut by_end = transaction.open_table(BY_END)?;
    let mut bindings = transaction.open_table(BINDINGS)?;
    let mut swept = 0;
    while swept < at_most {
        let Some((end, key)) = by_end.first()?.map(|(first, _)| first.value()) else {
            break;
        };
        if end > now.seconds() - DAY {
            break;
        }
        by_end.remove((end, key))?;
        bindings.remove(key)?;
        swept += 1;
    }
    Ok(swept)
}
