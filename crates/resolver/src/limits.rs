use std::time::Duration;

/// Size of the cache, and its times for providers without times of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of all entries, whose weights are estimated.
    pub max_bytes: u64,
    /// Times of facts.
    pub times: CacheTimes,
}

/// Times of the facts of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTimes {
    /// Longest reuse of an active fact. Zero: none.
    pub ttl: Duration,
    /// Longest reuse of any other fact. Zero: none.
    pub inactive_ttl: Duration,
    /// Further time in which an active fact may stand in for a failing provider.
    pub stale_if_error: Duration,
    /// Longest reuse of an active fact whose token has no end, staleness included; `None`: as long
    /// as of any other.
    pub without_end: Option<Duration>,
}

/// Most concurrent lists of a provider; excess waits. Each may be hundreds of requests or
/// megabytes, and must not delay requests about tokens.
pub(crate) const MAX_CONCURRENT_LISTS: usize = 4;

/// Most lists that wait for a permit; excess fails at once.
pub(crate) const MAX_WAITING_LISTS: usize = 16;
