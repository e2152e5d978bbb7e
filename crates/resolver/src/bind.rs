use bytes::Bytes;
use introspectd_core::ask::Operation;
use introspectd_core::{Bound, Failure, Issued, ProviderName, Revoked, TokenId, TokenValue};

use crate::fact::Keep;
use crate::resolver::Resolver;

/// Bindings and issuance. Both purge the token afterwards: until then it had no record, and from
/// then on its record decides. A dropped future may leave a bound token unpurged, so it must run to
/// its end.
impl<K: Keep> Resolver<K> {
    /// Binds a token to the provider's record with this id; replaces another binding only with
    /// `replace`. Permission is the caller's responsibility. No binding makes a revoked token
    /// active again.
    ///
    /// # Errors
    /// Those of [`Issuance::bind`](introspectd_core::Issuance::bind), and [`Failure::Unsupported`]
    /// if the provider's tokens need no binding.
    pub async fn bind(
        &self,
        token: &TokenValue,
        id: &TokenId,
        provider: &ProviderName,
        replace: bool,
    ) -> Result<Bound, Failure> {
        let Some((_, slot)) = self.table.named(provider.as_str()) else {
            return Ok(Bound::NoSuchToken);
        };
        let issuance = slot.entry.provider.issuance().ok_or(Failure::Unsupported)?;
        // Before any request: an id that counted as a token would be known to many.
        if slot
            .entry
            .provider
            .records()
            .is_some_and(|records| records.spells_an_id(token))
        {
            return Ok(Bound::IsId);
        }
        if self.memory.find(slot, Revoked::Token(token)).is_some() {
            return Ok(Bound::Revoked);
        }
        if self.memory.has_record(slot, id) {
            return Ok(Bound::NoSuchToken);
        }
        let outcome = slot
            .observe(Operation::Bind, issuance.bind(token, id, replace))
            .await;
        // A failed call may have bound the token.
        self.purge_token(token);
        outcome
    }

    /// Relays a request for a token to the provider. Permission is the caller's responsibility.
    ///
    /// # Errors
    /// Those of [`Issuance::issue`](introspectd_core::Issuance::issue), and
    /// [`Failure::Unsupported`] if the provider's tokens need no binding.
    pub async fn issue(&self, request: Bytes, provider: &ProviderName) -> Result<Issued, Failure> {
        let named = self.table.named(provider.as_str());
        let (_, slot) = named.ok_or(Failure::Unsupported)?;
        let issuance = slot.entry.provider.issuance().ok_or(Failure::Unsupported)?;
        let issued = slot
            .observe(Operation::Issue, issuance.issue(request))
            .await?;
        // The same token may have been issued, and asked about, before.
        if let Some(token) = &issued.token {
            self.purge_token(token);
        }
        Ok(issued)
    }
}
