use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use introspectd_core::{
    Binding, BindingsFailed, Kept, ProviderName, Remembered, Revoked, Timestamp, TokenId, TokenValue,
};
use introspectd_keys::Key;

use crate::blocking::{BlockingBindings, BlockingRevocations};
use crate::keys::{EntryKey, Keys};
use crate::revocation_map::RevocationMap;

/// Store in memory, at most 32 MiB or some hundred thousand bindings. Over the limit those that end
/// first are dropped with a warning, and their tokens are inactive.
///
/// At most 150,000 revocations: over the limit those that end first are dropped, and hold at their
/// provider only.
pub struct MemoryBindings {
    keys: Keys,
    held: Mutex<Held>,
    revocations: RevocationMap,
}

const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of an entry apart from its id, in the map and in the order of ends, by measured sizes.
const OVERHEAD: usize = 256;

#[derive(Default)]
struct Held {
    bindings: HashMap<EntryKey, (TokenId, Timestamp)>,
    by_end: BTreeSet<(Timestamp, EntryKey)>,
    bytes: usize,
    is_warned: bool,
}

impl MemoryBindings {
    /// Creates an empty store.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn new() -> io::Result<Self> {
        let keys = Keys::derive(Key::random()?.expose());
        Ok(Self { keys, held: Mutex::default(), revocations: RevocationMap::default() })
    }
}

impl BlockingBindings for MemoryBindings {
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<TokenId>, BindingsFailed> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let binding = held.bindings.get(&self.keys.entry_key(provider, token));
        Ok(binding.filter(|(_, end)| now < *end).map(|(id, _)| id.clone()))
    }

    fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        let key = self.keys.entry_key(provider, binding.token);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_bound = |end: Timestamp| now == Timestamp::MAX || now < end;
        if let Some((id, end)) = held.bindings.get(&key)
            && id != binding.id
            && !binding.replace
            && is_bound(*end)
        {
            return Ok(Kept::OtherId);
        }
        held.put(key, binding.id.clone(), binding.end);
        held.sweep(now);
        Ok(Kept::Done)
    }
}

impl BlockingRevocations for MemoryBindings {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.revocations.remember(self.keys.revocation_key(provider, revoked), end, now);
        // There is no file to save them to.
        drop(self.revocations.take_changes());
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered> {
        if self.revocations.is_empty() {
            return None;
        }
        self.revocations.find(&self.keys.revocation_key(provider, revoked))
    }

    fn save(&self, _: Timestamp) -> Result<(), BindingsFailed> {
        Ok(())
    }
}

impl Held {
    fn put(&mut self, key: EntryKey, id: TokenId, end: Timestamp) {
        self.remove(&key);
        self.bytes += weight(&id);
        self.by_end.insert((end, key));
        self.bindings.insert(key, (id, end));
    }

    fn remove(&mut self, key: &EntryKey) {
        if let Some((id, end)) = self.bindings.remove(key) {
            self.bytes -= weight(&id);
            self.by_end.remove(&(end, *key));
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        // `Timestamp::MAX` means the wall clock is unusable; expire nothing.
        let has_ended = |end| end <= now && now != Timestamp::MAX;
        while let Some((end, key)) = self.by_end.first().copied()
            && (has_ended(end) || self.bytes > MAX_BYTES)
        {
            self.remove(&key);
            if !has_ended(end) && !self.is_warned {
                self.is_warned = true;
                tracing::warn!(
                    "bindings limit reached; dropping those that end first; configure [bindings] path"
                );
            }
        }
    }
}

fn weight(id: &TokenId) -> usize {
    id.as_str().len() + OVERHEAD
}

impl fmt::Debug for MemoryBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryBindings")
    }
}
