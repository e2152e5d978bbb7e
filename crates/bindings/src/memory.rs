use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use introspectd_core::{
    Binding, Bindings, BindingsFailed, Kept, ProviderName, Remembered as Found, Revocations, Revoked,
    Timestamp, TokenId, TokenValue,
};

use crate::keys::{Keys, Place, random_root};
use crate::remembered::Remembered;

/// Bindings until the process ends, in at most 32 MiB: some hundred thousand of them. Beyond that, those that end first
/// go, and their tokens are inactive; a warning says so.
///
/// Revocations likewise: at most 150,000, beyond which those that end first go, and hold at their provider only.
pub struct MemoryBindings {
    keys: Keys,
    held: Mutex<Held>,
    remembered: Remembered,
}

const MAX_BYTES: usize = 32 * 1024 * 1024;
/// What an entry takes beside its id: its place in the map and in the order of ends, as measured by their sizes.
const OVERHEAD: usize = 256;

#[derive(Default)]
struct Held {
    bindings: HashMap<Place, (TokenId, Timestamp)>,
    by_end: BTreeSet<(Timestamp, Place)>,
    bytes: usize,
    is_warned: bool,
}

impl MemoryBindings {
    /// None yet.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new() -> io::Result<Self> {
        let keys = Keys::of(&random_root()?);
        Ok(Self { keys, held: Mutex::default(), remembered: Remembered::default() })
    }
}

impl Bindings for MemoryBindings {
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<TokenId>, BindingsFailed> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let binding = held.bindings.get(&self.keys.place(provider, token));
        Ok(binding.filter(|(_, end)| now < *end).map(|(id, _)| id.clone()))
    }

    fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        let place = self.keys.place(provider, binding.token);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_bound = |end: Timestamp| now == Timestamp::MAX || now < end;
        if let Some((id, end)) = held.bindings.get(&place)
            && id != binding.id
            && !binding.replace
            && is_bound(*end)
        {
            return Ok(Kept::OtherId);
        }
        held.put(place, binding.id.clone(), binding.end);
        held.sweep(now);
        Ok(Kept::Done)
    }
}

impl Revocations for MemoryBindings {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.remembered.remember(self.keys.revoked_place(provider, revoked), end, now);
        // No file lacks them.
        drop(self.remembered.take_changes());
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Found> {
        if self.remembered.is_empty() {
            return None;
        }
        self.remembered.find(&self.keys.revoked_place(provider, revoked))
    }

    fn save(&self, _: Timestamp) -> Result<(), BindingsFailed> {
        Ok(())
    }
}

impl Held {
    fn put(&mut self, place: Place, id: TokenId, end: Timestamp) {
        self.remove(&place);
        self.bytes += weight(&id);
        self.by_end.insert((end, place));
        self.bindings.insert(place, (id, end));
    }

    fn remove(&mut self, place: &Place) {
        if let Some((id, end)) = self.bindings.remove(place) {
            self.bytes -= weight(&id);
            self.by_end.remove(&(end, *place));
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        // A clock that has no idea of the time says so.
        let has_ended = |end| end <= now && now != Timestamp::MAX;
        while let Some((end, place)) = self.by_end.first().copied()
            && (has_ended(end) || self.bytes > MAX_BYTES)
        {
            self.remove(&place);
            if !has_ended(end) && !self.is_warned {
                self.is_warned = true;
                tracing::warn!(
                    "no room for more bindings: those that end first are dropped; configure [bindings] path"
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
