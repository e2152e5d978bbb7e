use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use introspectd_core::{Bindings, BindingsFailed, ProviderName, Timestamp, TokenId, TokenValue};
use secrecy::{ExposeSecret, SecretString};

use crate::open::{OpenFailed, open, open_or_make};
use crate::store::Store;

/// Bindings in a file, which one process at a time may have open.
///
/// What was bound is there after a crash. Ended bindings are taken out a day after their end, so that a clock that was
/// wrong for a moment takes none: a few at each [`Bindings::bind`], all of them when the file is opened, after which it
/// is compacted. Opening reads the whole file. After a failure, such as that of a full disk, it is opened anew.
pub struct StoredBindings {
    file: PathBuf,
    key: Option<SecretString>,
    held: RwLock<Held>,
}

enum Held {
    Open(Store),
    /// When it failed.
    Failed(Timestamp),
}

/// Seconds until a file that failed is opened anew, which reads all of it.
const REST: i64 = 5;

impl StoredBindings {
    /// Opens the file, or makes it. With a `key` of at least 32 bytes the file alone does not tell whether it holds a
    /// token in hand; without, the file has a random key of its own.
    ///
    /// # Errors
    /// [`OpenFailed`] names the file, what is wrong with it, and what to do.
    pub fn open(file: &Path, key: Option<&SecretString>, now: Timestamp) -> Result<Self, OpenFailed> {
        let store = open_or_make(file, key.map(bytes), now)?;
        Ok(Self { file: file.to_owned(), key: key.cloned(), held: RwLock::new(Held::Open(store)) })
    }

    /// Logs why it failed: to a caller it is an outage, whatever it was.
    fn ask<T>(
        &self,
        now: Timestamp,
        question: impl FnOnce(&Store) -> Result<T, redb::Error>,
    ) -> Result<T, BindingsFailed> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = match &*held {
            Held::Failed(at) if rests(*at, now) => return Err(BindingsFailed),
            Held::Failed(_) => {
                drop(held);
                self.open_anew(now);
                self.held.read().unwrap_or_else(PoisonError::into_inner)
            }
            Held::Open(_) => held,
        };
        let Held::Open(store) = &*held else { return Err(BindingsFailed) };
        // The library panics where a page that was good when the file was opened is not any more.
        let error = match catch_unwind(AssertUnwindSafe(|| question(store))) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a page is damaged".to_owned(),
        };
        drop(held);
        tracing::error!(file = %self.file.display(), error, "the store of bindings failed");
        // The library would answer nothing more after an error of the disk.
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held::Failed(now);
        Err(BindingsFailed)
    }

    /// Unless somebody else has, or has tried. It is not made anew: a file that is gone holds what was bound, wherever it is.
    fn open_anew(&self, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Held::Failed(at) if !rests(*at, now) => {}
            Held::Failed(_) | Held::Open(_) => return,
        }
        *held = match open(&self.file, self.key.as_ref().map(bytes), now) {
            Ok(store) => {
                tracing::info!(file = %self.file.display(), "the store of bindings is open again");
                Held::Open(store)
            }
            Err(error) => {
                tracing::error!(%error, "the store of bindings cannot be opened again");
                Held::Failed(now)
            }
        };
    }
}

/// A clock may also have been put back.
fn rests(failed: Timestamp, now: Timestamp) -> bool {
    (0..REST).contains(&(now.seconds() - failed.seconds()))
}

fn bytes(key: &SecretString) -> &[u8] {
    key.expose_secret().as_bytes()
}

impl Bindings for StoredBindings {
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<TokenId>, BindingsFailed> {
        self.ask(now, |store| store.find(provider, token, now))
    }

    fn bind(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        id: &TokenId,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), BindingsFailed> {
        self.ask(now, |store| store.bind(provider, token, id, end, now))
    }
}

impl fmt::Debug for StoredBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredBindings").field("file", &self.file).finish_non_exhaustive()
    }
}
