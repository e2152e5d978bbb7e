//! Promises of the configuration of the tortured process.

use std::time::Duration;

use crate::cast::{Variant, Which};
use crate::oracle::key::PAUSE;

/// Times that the configuration of the tortured process fixes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Deadline of a request to a provider.
    pub(crate) timeout: Duration,
    /// Longest reuse of an active fact.
    pub(crate) ttl: Duration,
    /// Further reuse while the provider fails.
    pub(crate) stale: Duration,
    /// Longest reuse of an inactive fact.
    pub(crate) inactive_ttl: Duration,
    /// A provider may stay closed to requests for so long after its fault is over.
    pub(crate) lag: Duration,
    /// Delay that is the machine's and not the process's.
    pub(crate) slack: Duration,
    /// Set if others use the processors as well. What the machine kept the process waiting is then
    /// the machine's fault, once it is as much as this failure needs.
    pub(crate) is_shared: bool,
    /// Requests a second of the caller with a rate: far fewer than it sends, or far more.
    pub(crate) rates: Rates,
    /// Bounds of the shared cache, where several replicas have one.
    pub(crate) sharing: Option<Sharing>,
}

/// Bounds that the shared cache of a fleet has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharing {
    /// Time from the answer to a purge until no replica uses a fact from before it, heard or not.
    pub(crate) reach: Duration,
    /// Longest wait of a request for Redis itself.
    pub(crate) share: Duration,
    /// Time after which a purge that was not read back is refused.
    pub(crate) publish: Duration,
}

/// Rates of a caller, between which a reload moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) tight: u32,
    pub(crate) generous: u32,
}

impl Terms {
    /// Time for which a fault at this provider may explain failures after it is over.
    pub(crate) fn lag(&self, provider: Which) -> Duration {
        if provider.is_local() {
            PAUSE + self.timeout
        } else {
            self.lag
        }
    }

    /// Requests a second of the caller with a rate.
    pub(crate) fn rate(&self, variant: Variant) -> u32 {
        if variant.is_generous {
            self.rates.generous
        } else {
            self.rates.tight
        }
    }
}
