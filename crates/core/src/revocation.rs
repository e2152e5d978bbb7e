use std::fmt;

use crate::{BindingsFailed, ProviderName, Timestamp, TokenId, TokenValue};

/// Confirmed revocations, which count whatever the provider goes on showing.
///
/// Only keyed hashes are kept, in bounded memory. No call but [`Revocations::save`] waits for a disk: the others are
/// made while requests wait.
pub trait Revocations: fmt::Debug + Send + Sync + 'static {
    /// Remembers a revocation until `end`; without one, until room is needed. A later end counts, never an earlier one.
    ///
    /// [`Revocations::find`] knows it when this returns.
    fn remember(&self, provider: &ProviderName, revoked: Revoked<'_>, end: Option<Timestamp>, now: Timestamp);

    /// The revocation of this token or record.
    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered>;

    /// Has the revocations survive a restart, where the store does so.
    ///
    /// # Errors
    /// [`BindingsFailed`]: they are remembered until the process ends, and saved with the next ones.
    fn save(&self, now: Timestamp) -> Result<(), BindingsFailed>;
}

/// Subject of a revocation.
#[derive(Debug, Clone, Copy)]
pub enum Revoked<'a> {
    /// One token.
    Token(&'a TokenValue),
    /// A record, and with it every token that is bound to it.
    Record(&'a TokenId),
}

/// A revocation that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// End of the token, if it was ever seen.
    pub end: Option<Timestamp>,
}
