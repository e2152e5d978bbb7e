use std::fmt;

use bytes::Bytes;

use crate::{ProviderName, Timestamp, TokenId, TokenValue};

/// Which token a provider's token id stands for, as a trusted caller said, or as was seen when the token was issued.
///
/// A store keeps no token, only a keyed hash of it. An entry ends with its token. Calls may wait for a disk.
pub trait Bindings: fmt::Debug + Send + Sync + 'static {
    /// The id that is bound to this token.
    ///
    /// # Errors
    /// [`BindingsFailed`]: whether there is one is not known.
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<TokenId>, BindingsFailed>;

    /// Keeps a binding, which outlives a crash when this returns. Of several writers of one token, the first one wins.
    ///
    /// # Errors
    /// [`BindingsFailed`]: it may be bound or not. Others are found as before.
    fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed>;
}

/// A token and the record that it is to stand for.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The token.
    pub token: &'a TokenValue,
    /// Id of the record.
    pub id: &'a TokenId,
    /// End of the token.
    pub end: Timestamp,
    /// Whether it takes the place of a binding to another id.
    pub replace: bool,
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

/// The store of bindings did not do what it was asked. Why, it has logged itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store of bindings failed")]
pub struct BindingsFailed;

/// What became of a wish to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It is bound.
    Done,
    /// The provider has no active token of this id, so there is nothing to bind to.
    NoSuchToken,
    /// The token is bound to another id, and stays so.
    OtherId,
    /// The text is a spelling of one of the provider's token ids, which are no credentials.
    IsId,
    /// The token was revoked, and no binding makes it active again.
    Revoked,
}

/// A vendor's answer to the creation of a token, for whoever asked for it: it holds the token.
#[derive(Clone)]
pub struct Issued {
    /// The vendor's status, 200 to 499.
    pub status: u16,
    /// The vendor's `Content-Type`.
    pub content_type: Option<String>,
    /// At most 1 MiB.
    pub body: Bytes,
    /// The token in it that was bound; `None` where the vendor issued none.
    pub token: Option<TokenValue>,
}
