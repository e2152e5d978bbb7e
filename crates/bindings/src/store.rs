use std::io;
use std::sync::Arc;

use introspectd_core::{Binding, Kept, ProviderName, Timestamp, TokenId, TokenValue};
use redb::{
    Database, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError, WriteTransaction,
};

use crate::disk::{Disk, FlushFailed};
use crate::keys::{Keys, Place, equal};
use crate::remembered::Changes;

/// What the file is: its version, and the key or what tells the configured one from others.
pub(crate) const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
/// From a token's place to its end in seconds since 1970, the entry's seal, and the id.
pub(crate) const BINDINGS: TableDefinition<'_, Place, (i64, [u8; 32], &str)> =
    TableDefinition::new("bindings");
/// The places by their ends.
const BY_END: TableDefinition<'_, (i64, Place), ()> = TableDefinition::new("by_end");
/// From a revocation's place to the end of its token, the latest possible where that is not known, and the entry's seal.
/// Files of former versions have none.
pub(crate) const REVOKED: TableDefinition<'_, Place, (i64, [u8; 32])> = TableDefinition::new("revoked");

/// An open file.
pub(crate) struct Store {
    pub(crate) database: Database,
    pub(crate) disk: Disk,
    pub(crate) keys: Arc<Keys>,
}

/// Why something was not written.
pub(crate) enum WriteFailed {
    /// The disk has no room. The store goes on.
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

/// How many ended bindings a new one takes out at most: more than come in, and few enough for none to wait.
const SWEEP_AT_BIND: usize = 16;

/// Seconds.
const DAY: i64 = 24 * 60 * 60;

impl Store {
    pub(crate) fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<TokenId>, redb::Error> {
        let Self { database, keys, .. } = self;
        let place = keys.place(provider, token);
        let bindings = database.begin_read()?.open_table(BINDINGS)?;
        let Some(binding) = bindings.get(place)? else { return Ok(None) };
        let (id, end) = opened(keys, &place, binding.value())?;
        Ok((now.seconds() < end).then_some(id))
    }

    /// Keeps a binding unless the token is bound to another id, decided where nobody else writes.
    pub(crate) fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Kept, WriteFailed> {
        let keys = &*self.keys;
        let (place, end) = (keys.place(provider, binding.token), binding.end.seconds());
        let seal = keys.seal(&place, end, binding.id);
        self.write(changes, |transaction| {
            sweep(transaction, now, SWEEP_AT_BIND)?;
            let mut bindings = transaction.open_table(BINDINGS)?;
            let former = match bindings.get(place)? {
                Some(former) => Some(opened(keys, &place, former.value())?),
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
                by_end.remove((end, place))?;
            }
            bindings.insert(place, (end, seal, binding.id.as_str()))?;
            by_end.insert((end, place), ())?;
            Ok(Kept::Done)
        })
    }

    /// Writes what the file lacks of revocations, and this change, so that both outlive a crash when this returns.
    ///
    /// One writer at a time: what waits for room in the end is this one's.
    pub(crate) fn write<T>(
        &self,
        changes: &Changes,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, WriteFailed> {
        let Self { database, disk, keys } = self;
        disk.flush()?;
        let changed = write(database, |transaction| {
            put(transaction, keys, changes)?;
            change(transaction)
        });
        let changed = changed.map_err(WriteFailed::Database)?;
        disk.flush()?;
        Ok(changed)
    }

    /// All revocations in the file, whose seals were checked when it was opened.
    pub(crate) fn revocations(&self) -> Result<Vec<(Place, Timestamp)>, redb::Error> {
        let revoked = match self.database.begin_read()?.open_table(REVOKED) {
            Ok(revoked) => revoked,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut found = Vec::new();
        for entry in revoked.iter()? {
            let (place, entry) = entry?;
            let (end, _) = entry.value();
            found.push((place.value(), Timestamp::from_seconds(end).unwrap_or(Timestamp::MAX)));
        }
        Ok(found)
    }
}

/// The id and the end in an entry that is as it was written.
fn opened(keys: &Keys, place: &Place, entry: (i64, [u8; 32], &str)) -> Result<(TokenId, i64), StorageError> {
    let (end, seal, id) = entry;
    let damaged = || StorageError::Corrupted("an entry is not as it was written".to_owned());
    let id = TokenId::parse(id.to_owned()).map_err(|_| damaged())?;
    if equal(seal, keys.seal(place, end, &id)) { Ok((id, end)) } else { Err(damaged()) }
}

fn put(transaction: &WriteTransaction, keys: &Keys, changes: &Changes) -> Result<(), redb::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut revoked = transaction.open_table(REVOKED)?;
    for (place, end) in changes {
        match end.map(Timestamp::seconds) {
            Some(end) => drop(revoked.insert(place, (end, keys.revocation_seal(place, end)))?),
            None => drop(revoked.remove(place)?),
        }
    }
    Ok(())
}

/// Makes a change that outlives a crash when this returns.
///
/// Twice over, the second time without a change: the file has two states, the last and the one before, and opens with
/// the one before where the last is damaged. So both hold the change.
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

/// Takes out bindings that ended a day ago, at most so many. How many they were.
pub(crate) fn sweep(
    transaction: &WriteTransaction,
    now: Timestamp,
    at_most: usize,
) -> Result<usize, redb::Error> {
    // A clock that has no idea of the time says so.
    if now == Timestamp::MAX {
        return Ok(0);
    }
    let mut by_end = transaction.open_table(BY_END)?;
    let mut bindings = transaction.open_table(BINDINGS)?;
    let mut swept = 0;
    while swept < at_most {
        let Some((end, place)) = by_end.first()?.map(|(first, _)| first.value()) else { break };
        if end > now.seconds() - DAY {
            break;
        }
        by_end.remove((end, place))?;
        bindings.remove(place)?;
        swept += 1;
    }
    Ok(swept)
}
