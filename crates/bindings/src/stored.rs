use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use introspectd_core::{
    Binding, BindingsFailed, Found, Kept, ProviderName, Remembered, Revoked, Timestamp, TokenValue,
};
use secrecy::{ExposeSecret, SecretString};

use crate::blocking::{BlockingBindings, BlockingRevocations};
use crate::keys::Keys;
use crate::open::{OpenFailed, open, open_or_create};
use crate::revocation_map::{Changes, RevocationMap};
use crate::store::{Store, WriteFailed};

/// Durable store in a file, which one process at a time can open.
///
/// Bindings survive a crash. They are removed a day after their end, so that a clock that is
/// briefly wrong drops none: a few at each [`BlockingBindings::bind`], all of them on opening,
/// after which the file is compacted. Opening reads the whole file. While the disk is full, new
/// bindings fail and known ones are found; after any other disk error the file is reopened.
///
/// Revocations are also held in memory, where alone they are searched: at most 150,000, over which
/// those that end first are dropped.
pub struct StoredBindings {
    file: PathBuf,
    key: Option<SecretString>,
    held: RwLock<Held>,
    /// Lock of the one writer.
    writing: Mutex<()>,
    is_full: AtomicBool,
    keys: Arc<Keys>,
    revocations: RevocationMap,
}

enum Held {
    Open(Store),
    /// Failed at this time.
    Failed(Timestamp),
}

/// Seconds before a failed file is reopened, which reads all of it.
const REOPEN_DELAY: i64 = 5;

impl StoredBindings {
    /// Opens the file, or creates it. With a `key` of at least 32 bytes the file alone cannot be
    /// matched to a token; without one the file has a random key of its own.
    ///
    /// # Errors
    /// [`OpenFailed`] with the file, the problem and the remedy.
    pub fn open(
        file: &Path,
        key: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Self, OpenFailed> {
        let (store, revocations) = open_or_create(file, key.map(bytes), now)?;
        Ok(Self {
            file: file.to_owned(),
            key: key.cloned(),
            is_full: AtomicBool::new(store.disk.is_behind()),
            keys: Arc::clone(&store.keys),
            held: RwLock::new(Held::Open(store)),
            writing: Mutex::default(),
            revocations: RevocationMap::from_file(revocations, now),
        })
    }

    /// Writes a change together with unsaved revocations.
    fn write<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&Store, &Changes) -> Result<T, WriteFailed>,
    ) -> Result<T, BindingsFailed> {
        let _writing = self.lock_writing();
        self.write_locked(now, change)
    }

    fn lock_writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_locked<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&Store, &Changes) -> Result<T, WriteFailed>,
    ) -> Result<T, BindingsFailed> {
        let changes = self.revocations.take_changes();
        let written = self.with_store(now, |store| match change(store, &changes) {
            Ok(written) => Ok(Ok(written)),
            Err(WriteFailed::NoRoom(error)) => Ok(Err(error)),
            Err(WriteFailed::Database(error)) => Err(error),
        });
        match written {
            Ok(Ok(written)) => {
                self.revocations.saved(&changes);
                if self.is_full.swap(false, Relaxed) {
                    tracing::info!(file = %self.file.display(), "bindings store writable again");
                }
                Ok(written)
            }
            Ok(Err(error)) => {
                self.revocations.give_back(changes);
                if !self.is_full.swap(true, Relaxed) {
                    tracing::error!(
                        file = %self.file.display(), %error,
                        "disk full: bindings store rejects new bindings and still finds known ones"
                    );
                }
                Err(BindingsFailed)
            }
            Err(failed) => {
                self.revocations.give_back(changes);
                Err(failed)
            }
        }
    }

    /// Runs a request on the store, reopening it if due, and logs the reason of a failure: for a
    /// caller any failure is an outage.
    fn with_store<T>(
        &self,
        now: Timestamp,
        request: impl FnOnce(&Store) -> Result<T, redb::Error>,
    ) -> Result<T, BindingsFailed> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = match &*held {
            Held::Failed(at) if is_resting(*at, now) => return Err(BindingsFailed),
            Held::Failed(_) => {
                drop(held);
                self.reopen(now);
                self.held.read().unwrap_or_else(PoisonError::into_inner)
            }
            Held::Open(_) => held,
        };
        let Held::Open(store) = &*held else {
            return Err(BindingsFailed);
        };
        // redb panics on a page that was damaged after the file was opened.
        let error = match catch_unwind(AssertUnwindSafe(|| request(store))) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a page is damaged".to_owned(),
        };
        drop(held);
        tracing::error!(file = %self.file.display(), error, "bindings store failed");
        // redb answers nothing after a disk error.
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held::Failed(now);
        Err(BindingsFailed)
    }

    /// Reopens the file unless another thread has, or has tried. Never creates it: a file that was
    /// moved away still holds the bindings.
    fn reopen(&self, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Held::Failed(at) if !is_resting(*at, now) => {}
            Held::Failed(_) | Held::Open(_) => return,
        }
        *held = match open(&self.file, self.key.as_ref().map(bytes), now) {
            Ok(store) => {
                tracing::info!(file = %self.file.display(), "bindings store reopened");
                Held::Open(store)
            }
            Err(error) => {
                tracing::error!(%error, "bindings store cannot be reopened");
                Held::Failed(now)
            }
        };
    }
}

/// Returns true within the delay after a failure. A clock set back ends the delay.
fn is_resting(failed: Timestamp, now: Timestamp) -> bool {
    (0..REOPEN_DELAY).contains(&(now.seconds() - failed.seconds()))
}

fn bytes(key: &SecretString) -> &[u8] {
    key.expose_secret().as_bytes()
}

impl BlockingBindings for StoredBindings {
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed> {
        self.with_store(now, |store| store.find(provider, token))
    }

    fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        self.write(now, |store, changes| {
            store.bind(provider, binding, changes, now)
        })
    }
}

impl BlockingRevocations for StoredBindings {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.revocations
            .remember(self.keys.revocation_key(provider, revoked), end, now);
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered> {
        if self.revocations.is_empty() {
            return None;
        }
        self.revocations
            .find(&self.keys.revocation_key(provider, revoked))
    }

    fn save(&self, now: Timestamp) -> Result<(), BindingsFailed> {
        // A concurrent writer may have taken changes, and may fail.
        let _writing = self.lock_writing();
        if !self.revocations.has_changes() {
            return Ok(());
        }
        self.write_locked(now, |store, changes| store.write(changes, |_| Ok(())))
    }
}

impl fmt::Debug for StoredBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredBindings")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
