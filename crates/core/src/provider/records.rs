use async_trait::async_trait;

use crate::{Batch, Failure, Introspection, Listing, Position, TokenId, TokenValue};

/// Records that can be looked up by token id.
#[async_trait]
pub trait Records: Send + Sync {
    /// Looks up the record with this id. Holding an id proves nothing: the caller needs the
    /// permission `lookup`.
    ///
    /// # Errors
    /// Those of [`Provider::introspect`](crate::Provider::introspect).
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure>;

    /// Returns true if the id has the form of the provider's token ids, so that it cannot be a
    /// token.
    fn is_id(&self, id: &TokenId) -> bool;

    /// Returns true if the text spells one of the provider's token ids in any way. Such a text is
    /// never a token: ids are shown to many.
    fn spells_an_id(&self, text: &TokenValue) -> bool;
}

/// Records that can be listed.
#[async_trait]
pub trait Lists: Send + Sync {
    /// Lists records, from a position of an earlier batch on. May take longer than the other calls,
    /// but ends. Memory stays bounded whatever the provider sends.
    ///
    /// # Errors
    /// A [`Failure`] if the provider gave no list. [`Failure::Unsupported`], without a request, if
    /// it has no call for these filters.
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure>;
}
