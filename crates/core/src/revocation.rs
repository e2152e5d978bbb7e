use std::fmt;

use crate::{BindingsFailed, ProviderName, Timestamp, TokenId, TokenValue};

/// Store of confirmed revocations, which override what the provider still reports.
///
/// Keeps keyed hashes only, in bounded memory. Only [`Revocations::save`] waits for a disk:
/// requests wait for the other calls.
pub trait Revocations: fmt::Debug + Send + Sync + 'static {
    /// Remembers a revocation until `end`; without one, until room is needed. The latest end
    /// counts.
    ///
    /// [`Revocations::find`] finds it once this returns.
    fn remember(&self, provider: &ProviderName, revoked: Revoked<'_>, end: Option<Timestamp>, now: Timestamp);

    /// Returns the revocation of this token or record.
    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered>;

    /// Saves the revocations for a restart, if the store is durable.
    ///
    /// # Errors
    /// [`BindingsFailed`]: they are remembered until the process ends, and saved with the next
    /// call.
    fn save(&self, now: Timestamp) -> Result<(), BindingsFailed>;
}

/// Subject of a revocation.
#[derive(Debug, Clone, Copy)]
pub enum Revoked<'a> {
    /// A single token.
    Token(&'a TokenValue),
    /// A record, and every token that is bound to it.
    Record(&'a TokenId),
}

/// Remembered revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// End of the token, if known.
    pub end: Option<Timestamp>,
}
