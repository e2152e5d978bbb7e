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
}

/// What a provider can be asked, declared by its adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// By the token itself.
    pub introspect: bool,
    /// By token id.
    pub lookup: bool,
}
