use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use introspectd_core::{
    Binding, Bindings, BindingsFailed, Kept, ProviderName, Remembered as Found, Revocations, Revoked,
    Timestamp, TokenId, TokenValue,
};
use secrecy::{ExposeSecret, SecretString};

use crate::keys::Keys;
use crate::open::{OpenFailed, open, open_or_make};
use crate::remembered::{Changes, Remembered};
use crate::store::{Store, WriteFailed};

/// Bindings and revocations in a file, which one process at a time may have open.
///
/// What was bound is there after a crash. Ended bindings are taken out a day after their end, so that a clock that was
/// wrong for a moment takes none: a few at each [`Bindings::bind`], all of them when the file is opened, after which it
/// is compacted. Opening reads the whole file. While the disk is full, new bindings fail and those that are there are
/// found; after another failure of the disk the file is opened anew.
///
/// Revocations are in memory, too, and looked for there alone: at most 150,000, beyond which those that end first go.
pub struct StoredBindings {
    file: PathBuf,
    key: Option<SecretString>,
    held: RwLock<Held>,
    /// Held by whoever writes.
    writing: Mutex<()>,
    is_full: AtomicBool,
    keys: Arc<Keys>,
    remembered: Remembered,
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
        let (store, revocations) = open_or_make(file, key.map(bytes), now)?;
        Ok(Self {
            file: file.to_owned(),
            key: key.cloned(),
            is_full: AtomicBool::new(store.disk.is_behind()),
            keys: Arc::clone(&store.keys),
            held: RwLock::new(Held::Open(store)),
            writing: Mutex::default(),
            remembered: Remembered::of_file(revocations, now),
        })
    }

    /// Writes together with the revocations that the file lacks.
    fn write<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&Store, &Changes) -> Result<T, WriteFailed>,
    ) -> Result<T, BindingsFailed> {
        let _turn = self.turn();
        self.write_in_turn(now, change)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_in_turn<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&Store, &Changes) -> Result<T, WriteFailed>,
    ) -> Result<T, BindingsFailed> {
        let changes = self.remembered.take_changes();
        let written = self.ask(now, |store| match change(store, &changes) {
            Ok(written) => Ok(Ok(written)),
            Err(WriteFailed::NoRoom(error)) => Ok(Err(error)),
            Err(WriteFailed::Database(error)) => Err(error),
        });
        match written {
            Ok(Ok(written)) => {
                self.remembered.saved(&changes);
                if self.is_full.swap(false, Relaxed) {
                    tracing::info!(file = %self.file.display(), "store of bindings is writable again");
                }
                Ok(written)
            }
            Ok(Err(error)) => {
                self.remembered.give_back(changes);
                if !self.is_full.swap(true, Relaxed) {
                    tracing::error!(
                        file = %self.file.display(), %error,
                        "no room for the store of bindings: new bindings fail until there is, known ones are found"
                    );
                }
                Err(BindingsFailed)
            }
            Err(failed) => {
                self.remembered.give_back(changes);
                Err(failed)
            }
        }
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
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        self.write(now, |store, changes| store.bind(provider, binding, changes, now))
    }
}

impl Revocations for StoredBindings {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.remembered.remember(self.keys.revoked_place(provider, revoked), end, now);
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Found> {
        if self.remembered.is_empty() {
            return None;
        }
        self.remembered.find(&self.keys.revoked_place(provider, revoked))
    }

    fn save(&self, now: Timestamp) -> Result<(), BindingsFailed> {
        // Whoever writes at the moment may have taken changes, and may fail.
        let _turn = self.turn();
        if !self.remembered.has_changes() {
            return Ok(());
        }
        self.write_in_turn(now, |store, changes| store.write(changes, |_| Ok(())))
    }
}

impl fmt::Debug for StoredBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredBindings").field("file", &self.file).finish_non_exhaustive()
    }
}
