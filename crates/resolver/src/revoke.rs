use futures_util::future::join_all;
use introspectd_core::ask::Operation;
use introspectd_core::{
    Failure, Outage, ProviderName, Records, Revoked, Selector, Target, TokenId, TokenValue,
};
use introspectd_fleet::{Confirmed, ConfirmedSubject, NotShared};

use crate::cache::Cached;
use crate::fact::Keep;
use crate::key::Subject;
use crate::resolver::Resolver;
use crate::slot::ProviderSlot;

/// Revocations. Each purges in all cases, since an unconfirmed one may have happened. The order is
/// that of the promise: revoked at the provider, remembered here if confirmed, then purged, so that
/// no older fact can come back.
impl<K: Keep> Resolver<K> {
    /// Revokes a token at the providers that [`Resolver::introspect`] would ask. A token that is
    /// routed to none counts as revoked. The records that it was bound to are purged with all their
    /// tokens.
    ///
    /// # Errors
    /// The first [`Failure`] of a provider that did not confirm.
    pub async fn revoke(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Result<(), Failure> {
        let (_, routed) = self.table.route(token, only);
        let slots = routed
            .places()
            .iter()
            .filter_map(|place| self.table.slot(*place));
        let slots: Vec<_> = slots.filter(|slot| may_ask(slot.name())).collect();
        // Before the revocation, which may end the binding.
        let ids = join_all(slots.iter().map(|slot| bound(slot, token))).await;
        let outcomes = join_all(slots.iter().map(|slot| revoke(slot, token))).await;
        let subject = Subject::Token(token.clone());
        let confirmed = slots
            .iter()
            .zip(&ids)
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok());
        let revoked = confirmed
            .flat_map(|((slot, id), _)| self.remember(slot, &subject, id.as_ref()))
            .collect();
        let records = slots
            .iter()
            .zip(&ids)
            .filter_map(|(slot, id)| Some(Selector::of_record(id.as_ref()?, slot.name())));
        let of_token = Selector::new(Target::Token(token.clone()));
        let purged = self.purge_everywhere(of_token, records, revoked);
        let is_confirmed = outcomes.iter().any(Result::is_ok);
        let (told, saved) = tokio::join!(biased; purged, self.save_if(is_confirmed));
        outcomes.into_iter().chain([told, saved]).collect()
    }

    /// Purges at this replica at once, then tells the others.
    async fn purge_everywhere(
        &self,
        first: Selector,
        others: impl Iterator<Item = Selector>,
        revoked: Vec<Confirmed>,
    ) -> Result<(), Failure> {
        let others: Vec<_> = others.collect();
        for selector in std::iter::once(&first).chain(&others) {
            self.purge_here(selector);
        }
        let others = others
            .into_iter()
            .map(|selector| self.publish(selector, Vec::new()));
        let (told, others) = tokio::join!(self.publish(first, revoked), join_all(others));
        let all: Result<(), NotShared> = others.into_iter().chain([told]).collect();
        all.map_err(|NotShared| Failure::outage(Outage::NotShared))
    }

    async fn save_if(&self, is_confirmed: bool) -> Result<(), Failure> {
        if is_confirmed {
            self.memory.save().await
        } else {
            Ok(())
        }
    }

    /// Revokes the token of the provider's record with this id. Permission is the caller's
    /// responsibility.
    ///
    /// # Errors
    /// A [`Failure`] unless the provider confirmed; [`Failure::Unsupported`] if it has no such
    /// call.
    pub async fn revoke_by_id(&self, id: &TokenId, provider: &ProviderName) -> Result<(), Failure> {
        let Some((_, slot)) = self.table.named(provider.as_str()) else {
            return Ok(());
        };
        let outcome = match slot.entry.provider.revocation_by_id() {
            Some(revocation) => {
                slot.observe(Operation::Revoke, revocation.revoke_by_id(id))
                    .await
            }
            None => Err(Failure::Unsupported),
        };
        let revoked = if outcome.is_ok() {
            self.remember(slot, &Subject::Id(id.clone()), None)
        } else {
            Vec::new()
        };
        // Facts have the provider's spelling of the id, which may be in another case.
        let spelled = slot.entry.provider.record_id(id.as_str());
        let spelled = spelled.iter().map(|id| Selector::of_record(id, provider));
        let purged = self.purge_everywhere(Selector::of_record(id, provider), spelled, revoked);
        let (told, saved) = tokio::join!(biased; purged, self.save_if(outcome.is_ok()));
        outcome.and(told).and(saved)
    }

    /// Returns true if the text spells one of the provider's token ids, so that it is no token.
    pub fn spells_an_id(&self, text: &TokenValue, provider: &ProviderName) -> bool {
        self.records_of(provider)
            .is_some_and(|records| records.spells_an_id(text))
    }

    /// Returns true if the text has the form of the provider's token ids and may be shown: any
    /// other may be a token.
    pub fn is_id(&self, id: &TokenId, provider: &ProviderName) -> bool {
        self.records_of(provider)
            .is_some_and(|records| records.is_id(id))
    }

    fn records_of(&self, provider: &ProviderName) -> Option<&dyn Records> {
        self.table
            .named(provider.as_str())
            .and_then(|(_, slot)| slot.entry.provider.records())
    }

    /// Remembers a revocation that the provider has just confirmed. The purge follows: an answer
    /// judged before this is met by that purge, and a later one is judged by what is remembered.
    fn remember(
        &self,
        slot: &ProviderSlot,
        revoked: &Subject,
        bound: Option<&TokenId>,
    ) -> Vec<Confirmed> {
        let cached = |subject: &Subject| match self.cache.get(&slot.keys.key(subject), &slot.purges)
        {
            Cached::Fresh(fact, _) | Cached::Stale(fact) => fact.record,
            Cached::Nothing(_) => None,
        };
        let of_bound = bound.map(|id| Subject::Id(id.clone()));
        let record = cached(revoked).or_else(|| of_bound.as_ref().and_then(cached));
        let end = record.as_ref().and_then(|record| record.validity.exp());
        let jti = record.as_ref().and_then(|record| record.kept.names().jti);
        let mut all = Vec::new();
        let mut confirm = |subject| {
            all.push(Confirmed {
                provider: slot.name().clone(),
                subject,
                end,
            });
        };
        if let Subject::Token(token) = revoked {
            self.memory.remember(slot, Revoked::Token(token), end);
            confirm(ConfirmedSubject::Token(token.clone()));
        }
        let named = match revoked {
            Subject::Id(id) => Some(id),
            Subject::Token(_) => bound,
        };
        let named = named.map(TokenId::as_str).or(jti.as_deref());
        if let Some(id) = named.and_then(|id| slot.entry.provider.record_id(id)) {
            self.memory.remember(slot, Revoked::Record(&id), end);
            confirm(ConfirmedSubject::Record(id));
        }
        all
    }
}

/// Id of the record that the token is bound to, where the provider's tokens are bound.
async fn bound(slot: &ProviderSlot, token: &TokenValue) -> Option<TokenId> {
    slot.entry.provider.issuance()?.bound(token).await
}

async fn revoke(slot: &ProviderSlot, token: &TokenValue) -> Result<(), Failure> {
    let revocation = slot
        .entry
        .provider
        .revocation()
        .ok_or(Failure::Unsupported)?;
    slot.observe(Operation::Revoke, revocation.revoke(token))
        .await
}
