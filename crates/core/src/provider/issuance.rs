use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BindingsFailed, Failure, ProviderName, Timestamp, TokenId, TokenValue};

/// Issuance of tokens that only their issuance, or a trusted caller, connects with their records.
#[async_trait]
pub trait Issuance: Send + Sync {
    /// Returns the id of the record that the token is bound to, without a request to the provider.
    async fn bound(&self, token: &TokenValue) -> Option<TokenId>;

    /// Binds the token to the record with this id until it ends; replaces another binding only with
    /// `replace`. A token's holder is not trusted here: the caller needs the permission `bind`.
    ///
    /// # Errors
    /// A [`Failure`] if the record could not be read or the binding not kept.
    async fn bind(&self, token: &TokenValue, id: &TokenId, replace: bool)
    -> Result<Bound, Failure>;

    /// Relays a request for a token with the caller's credentials, none of ours, and binds the
    /// issued token.
    ///
    /// # Errors
    /// A [`Failure`] if the provider did not answer, or the issued token could not be bound.
    async fn issue(&self, request: Bytes) -> Result<Issued, Failure>;
}

/// Store of bindings: which record each token belongs to, as a trusted caller or the issuing
/// response said.
///
/// A store keeps a keyed hash in place of the token. An entry expires with its token. Calls may
/// wait for a disk, but never hold the caller's thread. Dropping a future abandons its answer, not
/// always the call.
#[async_trait]
pub trait Bindings: fmt::Debug + Send + Sync + 'static {
    /// Returns the binding of this token. One that has ended is found for another day, unless room
    /// was needed.
    ///
    /// # Errors
    /// [`BindingsFailed`] if the store cannot tell whether there is one.
    async fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed>;

    /// Keeps a binding, durably once this returns. The first of several concurrent writers wins.
    ///
    /// # Errors
    /// [`BindingsFailed`]: the token may be bound or not. Other bindings are unaffected.
    async fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed>;
}

/// Request to bind a token to a record.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// Token to bind.
    pub token: &'a TokenValue,
    /// Id of its record.
    pub id: &'a TokenId,
    /// End of the token, and with it of the binding.
    pub end: Timestamp,
    /// Replaces a binding to another id.
    pub replace: bool,
}

/// Binding of a token, which may have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Id of the token's record.
    pub id: TokenId,
    /// End of the token, and with it of the binding.
    pub end: Timestamp,
}

impl Found {
    /// Returns the id unless the binding has ended.
    pub fn unless_ended(self, now: Timestamp) -> Option<TokenId> {
        (now < self.end).then_some(self.id)
    }
}

/// Outcome of keeping a binding.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The token is bound to the id.
    Done,
    /// The token is bound to another id, and stays so.
    OtherId,
}

/// Outcome of a bind request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The token is bound to the id.
    Done,
    /// The provider has no active token of this id, so there is nothing to bind to.
    NoSuchToken,
    /// The token is bound to another id, and stays so.
    OtherId,
    /// The text spells one of the provider's token ids, which are not credentials.
    IsId,
    /// The token was revoked, and no binding makes it active again.
    Revoked,
}

/// Vendor's response to a request for a token. Holds the token, so it goes to the caller only.
#[derive(Clone)]
pub struct Issued {
    /// Status that the vendor sent, 200 to 499.
    pub status: u16,
    /// `Content-Type` that the vendor sent.
    pub content_type: Option<String>,
    /// Body that the vendor sent, at most 1 MiB.
    pub body: Bytes,
    /// Token that was issued and bound; `None` where the vendor issued none.
    pub token: Option<TokenValue>,
}
