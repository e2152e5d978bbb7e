//! The access tokens that a vendor issued to its API clients.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Issued bearer tokens, each with the handle by which it can be revoked.
pub(crate) struct Bearers {
    lifetime: Mutex<Duration>,
    live: Mutex<HashMap<String, Bearer>>,
    issued: AtomicUsize,
}

struct Bearer {
    handle: String,
    /// End of the token; `None` if it is out of range.
    until: Option<Instant>,
}

impl Bearers {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime: Mutex::new(lifetime),
            live: Mutex::default(),
            issued: AtomicUsize::new(0),
        }
    }

    /// Sets the lifetime of tokens issued from now on.
    pub(crate) fn set_lifetime(&self, lifetime: Duration) {
        *self.lifetime.lock().unwrap_or_else(PoisonError::into_inner) = lifetime;
    }

    /// Accepts `token` from now on, and returns its lifetime.
    pub(crate) fn issue(&self, token: &str, handle: &str) -> Duration {
        let lifetime = *self.lifetime.lock().unwrap_or_else(PoisonError::into_inner);
        let bearer = Bearer {
            handle: handle.to_owned(),
            until: Instant::now().checked_add(lifetime),
        };
        self.live().insert(token.to_owned(), bearer);
        self.issued.fetch_add(1, Ordering::Relaxed);
        lifetime
    }

    pub(crate) fn accepts(&self, token: &str) -> bool {
        let alive = |bearer: &Bearer| bearer.until.is_none_or(|until| Instant::now() < until);
        self.live().get(token).is_some_and(alive)
    }

    pub(crate) fn revoke(&self, handle: &str) {
        self.live().retain(|_, bearer| bearer.handle != handle);
    }

    /// Rejects all tokens issued so far.
    pub(crate) fn expire(&self) {
        self.live().clear();
    }

    /// Number of tokens ever issued.
    pub(crate) fn issued(&self) -> usize {
        self.issued.load(Ordering::Relaxed)
    }

    fn live(&self) -> MutexGuard<'_, HashMap<String, Bearer>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
