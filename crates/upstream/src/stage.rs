use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use introspectd_core::Failure;

/// Progress of an exchange, by which a timeout is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stage(Arc<Waits>);

#[derive(Debug, Default)]
struct Waits {
    for_connection: AtomicBool,
    /// The connection goes by way of a proxy.
    by_proxy: AtomicBool,
    for_credential: Mutex<Option<Stage>>,
    for_place: AtomicBool,
    for_retry: AtomicBool,
    /// The deadline is over.
    is_over: AtomicBool,
}

impl Stage {
    /// Notes that a connection is waited for.
    pub(crate) fn connect(&self, by_proxy: bool) {
        self.0.by_proxy.store(by_proxy, Ordering::Relaxed);
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

    /// Returns true while a credential is waited for, or after that failed.
    pub(crate) fn is_renewing(&self) -> bool {
        self.credential().is_some()
    }

    /// Notes that a place among the provider's requests is waited for.
    pub(crate) fn wait_for_place(&self) {
        self.0.for_place.store(true, Ordering::Relaxed);
    }

    /// Notes that no place is waited for.
    pub(crate) fn placed(&self) {
        self.0.for_place.store(false, Ordering::Relaxed);
    }

    /// Notes the pause before a retry.
    pub(crate) fn rest(&self) {
        self.0.for_retry.store(true, Ordering::Relaxed);
    }

    /// Notes the end of the pause before a retry.
    pub(crate) fn rested(&self) {
        self.0.for_retry.store(false, Ordering::Relaxed);
    }

    /// Returns true while nothing is under way to the provider.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.for_place.load(Ordering::Relaxed) || self.0.for_retry.load(Ordering::Relaxed)
    }

    /// Notes that the deadline is over.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Returns true once the deadline is over.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    /// Names a timeout at this stage.
    pub(crate) fn timeout(&self) -> Failure {
        if self.0.for_place.load(Ordering::Relaxed) {
            return Failure::QueueTimeout;
        }
        let renewal = self.credential().clone();
        let renewal = renewal.filter(Self::is_connecting);
        let connecting = renewal.as_ref().or(self.is_connecting().then_some(self));
        match connecting {
            Some(stage) if stage.0.by_proxy.load(Ordering::Relaxed) => Failure::ProxyTimeout,
            Some(_) => Failure::ConnectTimeout,
            None => Failure::Timeout,
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
