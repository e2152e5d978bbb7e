//! The true state of a token, as far as it is known from outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cast::{Scope, Which};
use crate::oracle::forgetting::{Effect, Forgetting};
use crate::oracle::key::KeyLife;

/// Token of a provider, with all that ever happened to it.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) provider: Which,
    pub(crate) value: String,
    /// Id at the provider, where it has ids.
    pub(crate) id: String,
    /// Text by which an answer shows that it is about this token: its `jti` or its `client_id`.
    pub(crate) mark: String,
    pub(crate) scope: Scope,
    /// Seconds since 1970.
    pub(crate) exp: u64,
    /// Seconds since 1970; none where the provider has no such time.
    pub(crate) nbf: Option<u64>,
    /// Key that signed it, where it is signed.
    pub(crate) key: Option<Arc<KeyLife>>,
    /// Events, by [`Token::note`].
    pub(crate) history: Mutex<History>,
}

/// Events in a token's life. Times are those of the run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The provider knows it from this moment on, and introspectd was told what it must be told.
    pub(crate) known: Option<Duration>,
    /// Introspectd was asked about it before the provider knew it.
    pub(crate) asked_early: bool,
    /// Earliest moment at which anybody tried to revoke it, successfully or not.
    pub(crate) ending: Option<Duration>,
    /// The provider takes it for revoked from this moment on.
    pub(crate) ended_there: Option<Duration>,
    /// Revocations that introspectd confirmed.
    pub(crate) ended_here: Vec<Effect>,
    /// Purges of this token.
    pub(crate) purges: Vec<Forgetting>,
}

impl Token {
    /// Changes the history.
    pub(crate) fn note(&self, change: impl FnOnce(&mut History)) {
        change(&mut self.locked());
    }

    /// Returns the history so far.
    pub(crate) fn history(&self) -> History {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
