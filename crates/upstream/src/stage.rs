use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use introspectd_core::Failure;

/// Progress of an exchange, by which a timeout is named.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Waits>);

#[derive(Default)]
struct Waits {
    for_connection: AtomicBool,
    for_credential: Mutex<Option<Stage>>,
}

impl Stage {
    /// Notes that a connection is waited for.
    pub(crate) fn connect(&self) {
        self.0.for_connection.store(true, Ordering::Relaxed);
    }

    /// Notes that no connection is waited for.
    pub(crate) fn connected(&self) {
        self.0.for_connection.store(false, Ordering::Relaxed);
    }

    /// Notes that a credential is waited for, whose renewal is at this stage.
    pub(crate) fn renew(&self, renewal: &Stage) {
        *self.credential() = Some(renewal.clone());
    }

    /// Notes that no credential is waited for.
    pub(crate) fn renewed(&self) {
        *self.credential() = None;
    }

    /// Names a timeout at this stage.
    pub(crate) fn timeout(&self) -> Failure {
        let renewal = self.credential().clone();
        let is_connecting =
            renewal.is_some_and(|renewal| renewal.is_connecting()) || self.is_connecting();
        if is_connecting {
            Failure::ConnectTimeout
        } else {
            Failure::Timeout
        }
    }

    fn is_connecting(&self) -> bool {
        self.0.for_connection.load(Ordering::Relaxed)
    }

    fn credential(&self) -> MutexGuard<'_, Option<Stage>> {
        self.0
            .for_credential
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
