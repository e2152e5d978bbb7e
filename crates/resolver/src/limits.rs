use std::time::Duration;

/// How much is cached, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes for everything that is cached. A token's weight is estimated.
    pub max_bytes: u64,
    /// The longest reuse of an active fact. Zero: none.
    pub ttl: Duration,
    /// The reuse of any other fact. Zero: none.
    pub inactive_ttl: Duration,
    /// How much longer an active fact may stand in for a provider that is out of order.
    pub stale_if_error: Duration,
}

/// How many lists a provider is asked for at once; further ones wait. Each may be hundreds of exchanges, or hundreds of
/// megabytes, and none is to be in the way of questions about tokens.
pub(crate) const MOST_LISTS: usize = 4;

/// Most requests that wait for a place among these; further ones fail at once.
pub(crate) const MAX_WAITING_LISTS: usize = 16;
