use std::sync::{Mutex, PoisonError};

use introspectd_core::{Capabilities, Failure, Health, ProviderName, Timestamp};

/// Configured provider with its health and last failure.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderStatus<'a> {
    /// Name in the configuration.
    pub name: &'a ProviderName,
    /// `kind` in the configuration.
    pub kind: &'static str,
    /// Supported operations.
    pub capabilities: Capabilities,
    /// Health by the last request.
    pub health: Health,
    /// Last failure and when it was, however well the provider did since.
    pub last_failure: Option<(Failure, Timestamp)>,
}

/// Last failure of a provider's operations, and when it was.
#[derive(Debug, Default)]
pub(crate) struct LastFailure(Mutex<Option<(Failure, Timestamp)>>);

impl LastFailure {
    pub(crate) fn record(&self, failure: &Failure, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((failure.clone(), now));
    }

    pub(crate) fn get(&self) -> Option<(Failure, Timestamp)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
