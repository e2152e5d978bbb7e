use futures_util::future::join_all;
use introspectd_core::{Failure, ProviderName, Records, TokenId, TokenValue};

use crate::fact::Keep;
use crate::key::Subject;
use crate::resolver::{Asked, Resolver};

/// Both purge in all cases: what the provider did not confirm, it may have done. The order is that of the promise:
/// revoked there first, then remembered here where that was confirmed, then purged, so that nothing older can come back.
impl<K: Keep> Resolver<K> {
    /// Takes a token back at the providers that it belongs to, as [`Resolver::introspect`] would ask them. One that
    /// belongs to nobody is as good as done. The records that it was bound to are purged, too, and with them every
    /// token of theirs.
    ///
    /// # Errors
    /// The first [`Failure`] of a provider that did not say that it is done.
    pub async fn revoke(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Result<(), Failure> {
        let routed = self.candidates(token, only);
        let providers = routed.places().iter().filter_map(|place| self.asked_at(*place));
        let providers: Vec<_> = providers.filter(|it| may_ask(&it.entry.name)).collect();
        // Before it is revoked, which may end its binding.
        let ids = join_all(providers.iter().map(|it| it.bound(token))).await;
        let outcomes = join_all(providers.iter().map(|it| it.revoke(token))).await;
        let subject = Subject::Token(token.clone());
        let confirmed = providers.iter().zip(&ids).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        for ((asked, id), _) in confirmed {
            self.remember(asked, &subject, id.as_ref());
        }
        let names = providers.iter().map(|it| it.entry.name.clone());
        let bound: Vec<_> = ids.into_iter().zip(names).filter_map(|(id, name)| Some((id?, name))).collect();
        self.purge_token(token);
        for (id, provider) in &bound {
            self.purge_id(id, provider);
        }
        let saved = if outcomes.iter().any(Result::is_ok) { self.save_revocations().await } else { Ok(()) };
        outcomes.into_iter().chain([saved]).collect()
    }

    /// Whether the text is one of the provider's token ids in some spelling, and so no token.
    pub fn spells_an_id(&self, text: &TokenValue, provider: &ProviderName) -> bool {
        self.records_of(provider).is_some_and(|records| records.spells_an_id(text))
    }

    /// Whether this has the form of the provider's ids, so that it can be told: anything else may be a token.
    pub fn is_id(&self, id: &TokenId, provider: &ProviderName) -> bool {
        self.records_of(provider).is_some_and(|records| records.is_id(id))
    }

    fn records_of(&self, provider: &ProviderName) -> Option<&dyn Records> {
        self.named(provider.as_str()).and_then(|(_, asked)| asked.entry.provider.records())
    }

    /// Takes back the token of the provider's record with this id. Who may is the caller's business.
    ///
    /// # Errors
    /// A [`Failure`] where the provider did not say that it is done, [`Failure::Unsupported`] where it has no such
    /// call.
    pub async fn revoke_by_id(&self, id: &TokenId, provider: &ProviderName) -> Result<(), Failure> {
        let Some((_, asked)) = self.named(provider.as_str()) else { return Ok(()) };
        let outcome = match asked.entry.provider.revocation_by_id() {
            Some(revocation) => asked.question(revocation.revoke_by_id(id)).await,
            None => Err(Failure::Unsupported),
        };
        if outcome.is_ok() {
            self.remember(asked, &Subject::Id(id.clone()), None);
        }
        self.purge_id(id, provider);
        // Facts name it as its provider does, which may be in another case.
        if let Some(id) = asked.entry.provider.record_id(id.as_str()) {
            self.purge_id(&id, provider);
        }
        outcome?;
        self.save_revocations().await
    }
}

impl Asked {
    /// Id of the record that the token is bound to, where the provider's tokens are.
    async fn bound(&self, token: &TokenValue) -> Option<TokenId> {
        self.entry.provider.issuance()?.bound(token).await
    }

    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let revocation = self.entry.provider.revocation().ok_or(Failure::Unsupported)?;
        self.question(revocation.revoke(token)).await
    }
}
