use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, Bound, Failure, Introspection, Issued, Listing, Position, TokenId, TokenValue};

/// One authorization server, asked by its adapter.
///
/// An implementation keeps no memory of answers (the resolver does) and takes care of its own
/// deadline: each call ends in the provider's configured time. Dropping a call's future is safe: the
/// question is abandoned, and nothing is left half done.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// What this provider can be asked.
    fn capabilities(&self) -> Capabilities;

    /// Asks about the token that a client presented.
    ///
    /// # Errors
    /// A [`Failure`] wherever the provider did not say something definite about this very token.
    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure>;

    /// Asks for the record with this id. Holding an id proves nothing: who may ask is the caller's
    /// permission `lookup`.
    ///
    /// # Errors
    /// As for [`Provider::introspect`], and [`Failure::Unsupported`] where the vendor has no such call.
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        let _ = id;
        Err(Failure::Unsupported)
    }

    /// Takes a token back, so that the provider does not call it active any more. One that it does not know, or that was
    /// taken back before, is as good as done.
    ///
    /// # Errors
    /// A [`Failure`] wherever the provider did not say that it is done: it may be, all the same.
    /// [`Failure::Unsupported`] where the vendor has no such call.
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let _ = token;
        Err(Failure::Unsupported)
    }

    /// The same for the token of the record with this id.
    ///
    /// # Errors
    /// As for [`Provider::revoke`].
    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure> {
        let _ = id;
        Err(Failure::Unsupported)
    }

    /// Whether this has the form of the provider's token ids, and so can be no token that was taken for one.
    fn is_id(&self, id: &TokenId) -> bool {
        let _ = id;
        false
    }

    /// Whether the text is one of the provider's token ids, in whichever spelling. Such a text is never a token: ids are
    /// shown to many.
    fn spells_an_id(&self, text: &TokenValue) -> bool {
        let _ = text;
        false
    }

    /// The record that a `jti` of the provider's, or an id in a request, names; in one spelling, so that it can be
    /// compared. `None` where `jti` names no record of the provider's.
    fn record_id(&self, jti: &str) -> Option<TokenId> {
        let _ = jti;
        None
    }

    /// The records that `listing` means, from a position of an earlier answer on. May take longer than the other
    /// calls, and ends all the same. Memory stays bounded, whatever the provider sends.
    ///
    /// # Errors
    /// A [`Failure`] where the provider gave no list. [`Failure::Unsupported`] where it has no such call, or none for
    /// these filters: then nothing was asked.
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        let _ = (listing, from);
        Err(Failure::Unsupported)
    }

    /// The id of the record that this token is known to be of, without asking the provider.
    async fn bound(&self, token: &TokenValue) -> Option<TokenId> {
        let _ = token;
        None
    }

    /// Has the token stand for the record with this id until it ends; in place of another one only with `replace`. A
    /// token's holder cannot be believed, so who may do this is the caller's permission `bind`.
    ///
    /// # Errors
    /// A [`Failure`] where the provider did not tell of the record, or the binding could not be kept.
    /// [`Failure::Unsupported`] where tokens need none.
    async fn bind(&self, token: &TokenValue, id: &TokenId, replace: bool) -> Result<Bound, Failure> {
        let _ = (token, id, replace);
        Err(Failure::Unsupported)
    }

    /// Hands a request for a token on, with the credentials that are in it and none of ours, and binds what comes
    /// back.
    ///
    /// # Errors
    /// A [`Failure`] where the provider gave no answer, or the token that it issued could not be bound.
    /// [`Failure::Unsupported`] where tokens need no binding.
    async fn issue(&self, request: Bytes) -> Result<Issued, Failure> {
        let _ = request;
        Err(Failure::Unsupported)
    }
}

/// What a provider can be asked, declared by its adapter. What is not asked of it is a clear "no", never an empty
/// answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// By the token itself.
    pub introspect: bool,
    /// By token id.
    pub lookup: bool,
    /// To take a token back, by the token itself.
    pub revoke: bool,
    /// To take a token back, by token id.
    pub revoke_by_id: bool,
    /// For lists of its records.
    pub list: bool,
    /// To have a token stand for a record.
    pub bind: bool,
    /// To issue tokens, for a caller that brings the credentials.
    pub issue: bool,
}
