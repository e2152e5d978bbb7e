//! The life of a key that signs tokens.

use std::sync::Mutex;
use std::time::Duration;

use crate::oracle::locked;

/// Shortest time between two fetches of keys, by contract: what was published may be unknown for
/// so long.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// Life of a key, as its issuer knows it. Times are those of the run.
#[derive(Debug)]
pub(crate) struct KeyLife(Mutex<Span>);

/// Times of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// No set that is in force from this moment on was fetched before it was published.
    pub(crate) settled: Duration,
    /// Moment before which it is in every set that is fetched.
    pub(crate) withdrawing: Option<Duration>,
    /// Moment from which on it is in none.
    pub(crate) withdrawn: Option<Duration>,
}

impl KeyLife {
    /// A key that was published before introspectd was started.
    pub(crate) const fn from_the_start() -> Self {
        Self::settling(Duration::ZERO)
    }

    /// A key that is not published yet.
    pub(crate) const fn unpublished() -> Self {
        Self::settling(Duration::MAX)
    }

    const fn settling(settled: Duration) -> Self {
        Self(Mutex::new(Span {
            settled,
            withdrawing: None,
            withdrawn: None,
        }))
    }

    /// Notes that every set that is fetched from this moment on has it.
    pub(crate) fn published(&self, at: Duration) {
        locked(&self.0).settled = at + PAUSE;
    }

    /// Notes that it is about to be taken out of the set.
    pub(crate) fn withdrawing(&self, at: Duration) {
        locked(&self.0).withdrawing.get_or_insert(at);
    }

    /// Notes that no set that is fetched from this moment on has it.
    pub(crate) fn withdrawn(&self, at: Duration) {
        locked(&self.0).withdrawn.get_or_insert(at);
    }

    /// Returns its times so far.
    pub(crate) fn span(&self) -> Span {
        *locked(&self.0)
    }
}
