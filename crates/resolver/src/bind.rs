use bytes::Bytes;
use introspectd_core::{Bound, Failure, Issued, ProviderName, Revoked, TokenId, TokenValue};

use crate::fact::Keep;
use crate::resolver::{Asked, Resolver};

/// Both forget what was known of the token, after it is bound: it was of nobody until then, and is what its record says
/// from now on. To drop either future may leave a token bound and forgotten by nobody, so it is to run to its end.
impl<K: Keep> Resolver<K> {
    /// Has a token stand for the provider's record with this id, in place of another one only with `replace`. Who may is
    /// the caller's business. No binding makes active again what was revoked.
    ///
    /// # Errors
    /// As for [`Provider::bind`](introspectd_core::Provider::bind): at once where the provider's tokens need no binding.
    pub async fn bind(
        &self,
        token: &TokenValue,
        id: &TokenId,
        provider: &ProviderName,
        replace: bool,
    ) -> Result<Bound, Failure> {
        let Some((_, asked)) = self.named(provider.as_str()) else { return Ok(Bound::NoSuchToken) };
        let Asked { entry, .. } = asked;
        let issuance = entry.provider.issuance().ok_or(Failure::Unsupported)?;
        // Before the provider is asked: an id that is taken for a token is known to many.
        if entry.provider.records().is_some_and(|records| records.spells_an_id(token)) {
            return Ok(Bound::IsId);
        }
        if asked.find(Revoked::Token(token)).is_some() {
            return Ok(Bound::Revoked);
        }
        let record = entry.provider.record_id(id.as_str());
        if record.is_some_and(|record| asked.find(Revoked::Record(&record)).is_some()) {
            return Ok(Bound::NoSuchToken);
        }
        let outcome = asked.question(issuance.bind(token, id, replace)).await;
        // What failed may be bound all the same.
        self.purge_token(token);
        outcome
    }

    /// Has the provider issue a token to whoever the request says. Who may is the caller's business.
    ///
    /// # Errors
    /// As for [`Provider::issue`](introspectd_core::Provider::issue): at once where the provider's tokens need no
    /// binding.
    pub async fn issue(&self, request: Bytes, provider: &ProviderName) -> Result<Issued, Failure> {
        let Some((_, asked)) = self.named(provider.as_str()) else { return Err(Failure::Unsupported) };
        let Asked { entry, .. } = asked;
        let issuance = entry.provider.issuance().ok_or(Failure::Unsupported)?;
        let issued = asked.question(issuance.issue(request)).await?;
        // A provider may hand out again what it issued before, and somebody may have asked about that.
        if let Some(token) = &issued.token {
            self.purge_token(token);
        }
        Ok(issued)
    }
}
