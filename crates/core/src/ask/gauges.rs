use std::time::Duration;

use crate::Timestamp;

/// Present state of the way to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Asks that hold one of the provider's places (`max_in_flight`). Lists hold none.
    pub in_flight: u64,
    /// Asks that wait for a place.
    pub queue: u64,
    /// State of the circuit breaker.
    pub breaker: BreakerState,
    /// True while the provider is not asked because it named a time (`Retry-After`).
    pub is_throttled: bool,
    /// End of the bearer token that we hold, if we fetch one and know its end.
    pub credential_expiry: Option<Timestamp>,
    /// Keys that its tokens are verified with, where they are verified here.
    pub keys: Option<KeyGauges>,
}

/// Keys of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyGauges {
    /// Number of keys that may be used.
    pub keys: usize,
    /// Time since they were fetched; `None` if they were not.
    pub age: Option<Duration>,
}

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakerState {
    /// Asks pass.
    #[default]
    Closed,
    /// No ask passes.
    Open,
    /// A few asks pass, to find out whether the provider is well again.
    HalfOpen,
}

impl BreakerState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Word in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
