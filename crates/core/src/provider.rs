use std::fmt;

use async_trait::async_trait;

use crate::{Failure, Introspection, TokenId, TokenValue};

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
}
