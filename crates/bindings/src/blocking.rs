use std::fmt;

use introspectd_core::{
    Binding, BindingsFailed, Found, Kept, ProviderName, Remembered, Revoked, Timestamp, TokenValue,
};

/// Store of bindings whose calls may wait for a disk. The meaning of each call is that of
/// [`Bindings`](introspectd_core::Bindings).
pub trait BlockingBindings: fmt::Debug + Send + Sync + 'static {
    /// Returns the binding of this token.
    ///
    /// # Errors
    /// [`BindingsFailed`] if the store cannot tell whether there is one.
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed>;

    /// Keeps a binding, durably once this returns.
    ///
    /// # Errors
    /// [`BindingsFailed`]: the token may be bound or not.
    fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed>;
}

/// Store of revocations, in memory but for [`BlockingRevocations::save`], which may wait for a
/// disk. The meaning of each call is that of [`Revocations`](introspectd_core::Revocations).
pub trait BlockingRevocations: fmt::Debug + Send + Sync + 'static {
    /// Remembers a revocation until `end`; without one, until room is needed.
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
    /// [`BindingsFailed`]: they are saved with the next call.
    fn save(&self, now: Timestamp) -> Result<(), BindingsFailed>;
}
