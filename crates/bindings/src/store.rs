use introspectd_core::{ProviderName, Timestamp, TokenId, TokenValue};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::keys::{Keys, Place, equal};

/// What the file is: its version, and the key or what tells the configured one from others.
pub(crate) const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
/// From a token's place to its end in seconds since 1970, the entry's seal, and the id.
pub(crate) const BINDINGS: TableDefinition<'_, Place, (i64, [u8; 32], &str)> =
    TableDefinition::new("bindings");
/// The places by their ends.
const BY_END: TableDefinition<'_, (i64, Place), ()> = TableDefinition::new("by_end");

/// An open file.
pub(crate) struct Store {
    pub(crate) database: Database,
    pub(crate) keys: Keys,
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
        let Self { database, keys } = self;
        let place = keys.place(provider, token);
        let bindings = database.begin_read()?.open_table(BINDINGS)?;
        let Some(binding) = bindings.get(place)? else { return Ok(None) };
        let (end, seal, id) = binding.value();
        let damaged = || redb::Error::Corrupted("an entry is not as it was written".to_owned());
        let id = TokenId::parse(id.to_owned()).map_err(|_| damaged())?;
        if !equal(seal, keys.seal(&place, end, &id)) {
            return Err(damaged());
        }
        Ok((now.seconds() < end).then_some(id))
    }

    pub(crate) fn bind(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        id: &TokenId,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), redb::Error> {
        let Self { database, keys } = self;
        let (place, end) = (keys.place(provider, token), end.seconds());
        let seal = keys.seal(&place, end, id);
        write(database, |transaction| {
            sweep(transaction, now, SWEEP_AT_BIND)?;
            let mut by_end = transaction.open_table(BY_END)?;
            let mut bindings = transaction.open_table(BINDINGS)?;
            if let Some(former) = bindings.insert(place, (end, seal, id.as_str()))? {
                by_end.remove((former.value().0, place))?;
            }
            by_end.insert((end, place), ())?;
            Ok(())
        })
    }
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
