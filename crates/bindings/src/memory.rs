use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use introspectd_core::{Bindings, BindingsFailed, ProviderName, Timestamp, TokenId, TokenValue};

use crate::keys::{Keys, Place, random_root};

/// Bindings until the process ends, in at most 32 MiB: some hundred thousand of them. Beyond that, those that end first
/// go, and their tokens are inactive; a warning says so.
pub struct MemoryBindings {
    keys: Keys,
    held: Mutex<Held>,
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
        Ok(Self { keys: Keys::of(&random_root()?), held: Mutex::default() })
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
        token: &TokenValue,
        id: &TokenId,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), BindingsFailed> {
        let place = self.keys.place(provider, token);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.put(place, id.clone(), end);
        held.sweep(now);
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
