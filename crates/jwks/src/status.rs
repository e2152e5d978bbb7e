use std::time::Duration;

use introspectd_jose::Refusal;

/// Reason why a signature is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The signature is not accepted, by keys that are in force.
    #[error("{0}")]
    Refused(Refusal),
    /// The signature is not accepted by the keys that were fetched a moment ago. Newer ones, which
    /// cannot be fetched yet, may accept it.
    #[error("{refusal}, by keys that were fetched a moment ago")]
    Provisional {
        /// Refusal by the keys at hand.
        refusal: Refusal,
        /// Time after which the keys may be fetched again.
        retry_after: Duration,
    },
    /// No keys, or none that is known to be current and could tell.
    #[error("the keys are missing")]
    Later {
        /// Time after which the keys may be fetched again.
        retry_after: Duration,
    },
}

/// State of the keys, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Number of keys that may be used; 0 without a set.
    pub keys: usize,
    /// Time since the set was fetched.
    pub age: Option<Duration>,
    /// Presence of keys that may be used now.
    pub presence: Presence,
}

/// Presence of keys that may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not fetched yet.
    Awaited,
    /// One key or more.
    Present,
    /// No key: never fetched with success, too old, or an empty set.
    Missing,
}
