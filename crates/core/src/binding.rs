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

    /// Binds the token to this id until `end`, in place of any other. It outlives a crash when this returns.
    ///
    /// # Errors
    /// [`BindingsFailed`]: it may be bound or not.
    fn bind(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        id: &TokenId,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), BindingsFailed>;
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
