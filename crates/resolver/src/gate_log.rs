use std::sync::{Mutex, PoisonError};

use introspectd_core::ProviderName;
use introspectd_core::ask::{BreakerState, Gauges};

/// Log of the moments from which a provider is not asked, and from which it is again.
#[derive(Debug, Default)]
pub(crate) struct GateLog(Mutex<Seen>);

/// State that was logged last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    is_broken: bool,
    is_throttled: bool,
}

impl GateLog {
    /// Logs what has changed since the last look. `gauges` is called under a lock, so that no two
    /// looks are mixed up.
    pub(crate) fn look(&self, provider: &ProviderName, gauges: impl FnOnce() -> Gauges) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gauges = gauges();
        let now = Seen {
            is_broken: gauges.breaker != BreakerState::Closed,
            is_throttled: gauges.is_throttled,
        };
        let before = std::mem::replace(&mut *seen, now);
        if now.is_broken && !before.is_broken {
            tracing::warn!(%provider, "circuit breaker opened; the provider is not asked");
        }
        if before.is_broken && !now.is_broken {
            tracing::info!(%provider, "circuit breaker closed");
        }
        if now.is_throttled && !before.is_throttled {
            tracing::warn!(%provider, "provider asked for a pause (Retry-After)");
        }
    }
}
