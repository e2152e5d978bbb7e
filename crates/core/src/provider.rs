use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, Bound, Failure, Health, Introspection, Issued, Listing, Position, TokenId, TokenValue};

/// Client of one authorization server, implemented by its adapter.
///
/// An implementation caches nothing (the resolver does) and keeps its own deadline: each call ends
/// within the provider's configured time. Calls are cancel-safe: a dropped future abandons the
/// request and leaves nothing half done.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Operations that this provider supports.
    fn capabilities(&self) -> Capabilities;

    /// Health by the last request that was sent to the provider.
    fn health(&self) -> Health;

    /// Introspects the token that a client presented.
    ///
    /// # Errors
    /// A [`Failure`] unless the provider gave a definite answer about this very token.
    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure>;

    /// Looks up the record with this id. Holding an id proves nothing: the caller needs the
    /// permission `lookup`.
    ///
    /// # Errors
    /// Those of [`Provider::introspect`], and [`Failure::Unsupported`] if the vendor has no such
    /// call.
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        let _ = id;
        Err(Failure::Unsupported)
    }

    /// Revokes a token at the provider. Succeeds for a token that is unknown or already revoked.
    ///
    /// # Errors
    /// A [`Failure`] unless the provider confirmed the revocation, which may have happened all the
    /// same. [`Failure::Unsupported`] if the vendor has no such call.
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let _ = token;
        Err(Failure::Unsupported)
    }

    /// Revokes the token of the record with this id.
    ///
    /// # Errors
    /// Those of [`Provider::revoke`].
    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure> {
        let _ = id;
        Err(Failure::Unsupported)
    }

    /// Returns true if the id has the form of the provider's token ids, so that it cannot be a
    /// token.
    fn is_id(&self, id: &TokenId) -> bool {
        let _ = id;
        false
    }

    /// Returns true if the text spells one of the provider's token ids in any way. Such a text is
    /// never a token: ids are shown to many.
    fn spells_an_id(&self, text: &TokenValue) -> bool {
        let _ = text;
        false
    }

    /// Normalizes a `jti`, or an id from a request, to the id of a record, so that ids can be
    /// compared; `None` if it names no record of the provider's.
    fn record_id(&self, jti: &str) -> Option<TokenId> {
        let _ = jti;
        None
    }

    /// Lists records, from a position of an earlier batch on. May take longer than the other calls,
    /// but ends. Memory stays bounded whatever the provider sends.
    ///
    /// # Errors
    /// A [`Failure`] if the provider gave no list. [`Failure::Unsupported`], without a request, if
    /// it has no such call or none for these filters.
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        let _ = (listing, from);
        Err(Failure::Unsupported)
    }

    /// Returns the id of the record that the token is bound to, without a request to the provider.
    async fn bound(&self, token: &TokenValue) -> Option<TokenId> {
        let _ = token;
        None
    }

    /// Binds the token to the record with this id until it ends; replaces another binding only with
    /// `replace`. A token's holder is not trusted here: the caller needs the permission `bind`.
    ///
    /// # Errors
    /// A [`Failure`] if the record could not be read or the binding not kept.
    /// [`Failure::Unsupported`] if tokens need no binding.
    async fn bind(&self, token: &TokenValue, id: &TokenId, replace: bool) -> Result<Bound, Failure> {
        let _ = (token, id, replace);
        Err(Failure::Unsupported)
    }

    /// Relays a request for a token with the caller's credentials, none of ours, and binds the
    /// issued token.
    ///
    /// # Errors
    /// A [`Failure`] if the provider did not answer, or the issued token could not be bound.
    /// [`Failure::Unsupported`] if tokens need no binding.
    async fn issue(&self, request: Bytes) -> Result<Issued, Failure> {
        let _ = request;
        Err(Failure::Unsupported)
    }
}

/// Operations that a provider supports, declared by its adapter. An unsupported one is refused as
/// such, never answered with an empty result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Introspection of a token.
    pub introspect: bool,
    /// Lookup by token id.
    pub lookup: bool,
    /// Revocation of a token.
    pub revoke: bool,
    /// Revocation by token id.
    pub revoke_by_id: bool,
    /// Lists of records.
    pub list: bool,
    /// Binding of a token to a record.
    pub bind: bool,
    /// Issuance of tokens with the caller's credentials.
    pub issue: bool,
}
