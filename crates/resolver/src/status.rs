use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{Capabilities, Failure, Health, ProviderName, Timestamp};

use crate::lookup::Lookups;

/// Configured provider with its health and last failure.
#[derive(Debug, Clone)]
pub struct ProviderStatus<'a> {
    /// Name in the configuration.
    pub name: &'a ProviderName,
    /// `kind` in the configuration.
    pub kind: &'static str,
    /// Supported operations.
    pub capabilities: Capabilities,
    /// Health by what was last seen of it.
    pub health: Health,
    /// Present state of the way to it.
    pub gauges: Gauges,
    /// Counters of its asks.
    pub meter: Arc<Meter>,
    /// Last failure and when it was, however well the provider did since.
    pub last_failure: Option<(Failure, Timestamp)>,
    /// Cache lookups for it.
    pub lookups: &'a Lookups,
}

/// Last failure of a provider's operations.
#[derive(Debug, Default)]
pub(crate) struct LastFailure(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    /// Failure of the provider, and when it was.
    of_provider: Option<(Failure, Timestamp)>,
    /// Failure of any kind, such as an open breaker, which hides no reason of the provider's.
    any: Option<Failure>,
}

impl LastFailure {
    pub(crate) fn record(&self, failure: &Failure, now: Timestamp) {
        let mut last = self.lock();
        last.any = Some(failure.clone());
        if !failure.is_unasked() {
            last.of_provider = Some((failure.clone(), now));
        }
    }

    /// Returns the last failure of a request that was sent, and when it was.
    pub(crate) fn of_provider(&self) -> Option<(Failure, Timestamp)> {
        self.lock().of_provider.clone()
    }

    /// Returns the last failure, also where the provider was not asked.
    pub(crate) fn any(&self) -> Option<Failure> {
        self.lock().any.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
