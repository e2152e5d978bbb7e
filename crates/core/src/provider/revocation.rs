use std::fmt;

use async_trait::async_trait;

use crate::{BindingsFailed, Failure, ProviderName, Timestamp, TokenId, TokenValue};

/// Revocation of tokens by their values.
#[async_trait]
pub trait Revocation: Send + Sync {
    /// Revokes a token at the provider. Succeeds for a token that is unknown or already revoked.
    ///
    /// # Errors
    /// A [`Failure`] unless the provider confirmed the revocation, which may have happened all the
    /// same. [`Failure::Unsupported`], without a request, if this token cannot be named there.
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure>;
}

/// Revocation of tokens by the ids of their records.
#[async_trait]
pub trait RevocationById: Send + Sync {
    /// Revokes the token of the record with this id.
    ///
    /// # Errors
    /// Those of [`Revocation::revoke`].
    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure>;
}

/// Store of confirmed revocations, which override what the provider still reports.
///
/// Keeps keyed hashes only, in bounded memory. Only [`Revocations::save`] waits for a disk, without
/// holding the caller's thread: requests wait for the other calls.
#[async_trait]
pub trait Revocations: fmt::Debug + Send + Sync + 'static {
    /// Remembers a revocation until `end`; without one, until room is needed. The latest end
    /// counts.
    ///
    /// [`Revocations::find`] finds it once this returns.
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    );

    /// Returns the revocation of this token or record.
    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered>;

    /// Saves the revocations for a restart, if the store is durable.
    ///
    /// # Errors
    /// [`BindingsFailed`]: they are remembered until the process ends, and saved with the next
    /// call.
    async fn save(&self, now: Timestamp) -> Result<(), BindingsFailed>;
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
