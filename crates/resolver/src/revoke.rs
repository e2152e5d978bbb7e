use futures_util::future::join_all;
use introspectd_core::{Failure, ProviderName, TokenId, TokenValue};

use crate::fact::Keep;
use crate::resolver::{ProviderEntry, Resolver};

/// Both purge in all cases: what the provider did not confirm, it may have done. The order is that of the promise:
/// revoked there first, forgotten here after it, so that nothing older can come back.
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
        let providers = routed.places().iter().filter_map(|place| self.provider_at(*place));
        let providers: Vec<_> = providers.filter(|it| may_ask(&it.name)).collect();
        // Before it is revoked, which may end its binding.
        let bound = ids_at(&providers, token).await;
        let outcomes = join_all(providers.iter().map(|it| it.provider.revoke(token))).await;
        self.purge_token(token);
        for (id, provider) in &bound {
            self.purge_id(id, provider);
        }
        outcomes.into_iter().collect()
    }

    /// Whether this has the form of the provider's ids, so that it can be told: anything else may be a token.
    pub fn is_id(&self, id: &TokenId, provider: &ProviderName) -> bool {
        self.named(provider.as_str()).is_some_and(|(_, asked)| asked.entry.provider.is_id(id))
    }

    /// Takes back the token of the provider's record with this id. Who may is the caller's business.
    ///
    /// # Errors
    /// A [`Failure`] where the provider did not say that it is done, [`Failure::Unsupported`] where it has no such
    /// call.
    pub async fn revoke_by_id(&self, id: &TokenId, provider: &ProviderName) -> Result<(), Failure> {
        let Some((_, asked)) = self.named(provider.as_str()) else { return Ok(()) };
        let outcome = asked.entry.provider.revoke_by_id(id).await;
        self.purge_id(id, provider);
        outcome
    }
}

async fn ids_at(providers: &[&ProviderEntry], token: &TokenValue) -> Vec<(TokenId, ProviderName)> {
    let bound = providers.iter().map(async |it| Some((it.provider.bound(token).await?, it.name.clone())));
    join_all(bound).await.into_iter().flatten().collect()
}
