//! The tokens that a vendor knows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::Answer;

/// Entry of a vendor under one identifier.
#[derive(Clone)]
pub(crate) enum Entry {
    /// The token's record, served as it is.
    Record(Value),
    /// A token that was revoked, as it was before.
    Revoked(Value),
    /// Fixed response.
    Exactly(Answer),
}

/// All entries, by the identifier that a client asks with.
#[derive(Default)]
pub(crate) struct Records {
    entries: Mutex<BTreeMap<String, Entry>>,
    shows_revoked: AtomicBool,
}

impl Records {
    pub(crate) fn put(&self, identifier: &str, entry: Entry) {
        self.entries().insert(identifier.to_owned(), entry);
    }

    pub(crate) fn get(&self, identifier: &str) -> Option<Entry> {
        self.entries().get(identifier).cloned()
    }

    /// The record, also of a revoked token.
    pub(crate) fn record(&self, identifier: &str) -> Option<Value> {
        match self.get(identifier)? {
            Entry::Record(record) | Entry::Revoked(record) => Some(record),
            Entry::Exactly(_) => None,
        }
    }

    /// Changes a live record in place and returns what became of it.
    pub(crate) fn change(
        &self,
        identifier: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<Value> {
        match self.entries().get_mut(identifier)? {
            Entry::Record(record) => {
                change(record);
                Some(record.clone())
            }
            Entry::Revoked(_) | Entry::Exactly(_) => None,
        }
    }

    /// Ignores confirmed revocations, like a vendor whose records lag or have no state.
    pub(crate) fn show_revoked(&self) {
        self.shows_revoked.store(true, Relaxed);
    }

    pub(crate) fn shows_revoked(&self) -> bool {
        self.shows_revoked.load(Relaxed)
    }

    /// Marks a live token as revoked and returns its record.
    pub(crate) fn revoke(&self, identifier: &str) -> Option<Value> {
        if self.shows_revoked() {
            return self.record(identifier);
        }
        let mut entries = self.entries();
        let entry = entries.get_mut(identifier)?;
        let Entry::Record(record) = entry else {
            return None;
        };
        let record = std::mem::take(record);
        *entry = Entry::Revoked(record.clone());
        Some(record)
    }

    /// Forgets the identifier and returns the record of a live token.
    pub(crate) fn remove(&self, identifier: &str) -> Option<Value> {
        match self.entries().remove(identifier)? {
            Entry::Record(record) => Some(record),
            Entry::Revoked(_) | Entry::Exactly(_) => None,
        }
    }

    /// The records of all live tokens, in the order of their identifiers.
    pub(crate) fn live(&self) -> Vec<Value> {
        let record = |entry: &Entry| match entry {
            Entry::Record(record) => Some(record.clone()),
            Entry::Revoked(_) | Entry::Exactly(_) => None,
        };
        self.entries().values().filter_map(record).collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
