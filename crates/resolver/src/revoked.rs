use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{
    Clock, Expiry, Failure, Introspection, Outage, Remembered, Revocations, Revoked, Status,
    Timestamp, Token, TokenId, TokenValue,
};
use introspectd_fleet::{Digests, Fleet, Revocation, RevokedDigest};
use tokio::time::timeout;

use crate::key::Subject;
use crate::slot::ProviderSlot;

/// Deadline of a caller for a revocation to be saved.
const SAVE_TIME: Duration = Duration::from_secs(5);

/// Remembered revocations, by which every provider's answer is judged.
///
/// Without a store of revocations the providers are believed, even one that still reports what it
/// has revoked.
///
/// Replicas of a fleet exchange digests, which are remembered in place of the texts.
#[derive(Clone)]
pub(crate) struct Memory {
    store: Option<Arc<dyn Revocations>>,
    clock: Arc<dyn Clock>,
    fleet: Option<Arc<Fleet>>,
}

impl Memory {
    pub(crate) fn new(
        store: Option<Arc<dyn Revocations>>,
        clock: Arc<dyn Clock>,
        fleet: Option<Arc<Fleet>>,
    ) -> Self {
        Self {
            store,
            clock,
            fleet,
        }
    }

    /// Returns the same memory as a member of another fleet.
    pub(crate) fn in_fleet(&self, fleet: &Arc<Fleet>) -> Self {
        Self {
            fleet: Some(Arc::clone(fleet)),
            ..self.clone()
        }
    }

    pub(crate) fn find(&self, slot: &ProviderSlot, revoked: Revoked<'_>) -> Option<Remembered> {
        let store = self.store.as_ref()?;
        let known = store.find(slot.name(), revoked);
        let Some(fleet) = &self.fleet else {
            return known;
        };
        let digests = std::iter::once(fleet.digests()).chain(fleet.former_digests());
        let by_digest = digests.filter_map(|digests| {
            let digested = Digested::of(revoked, digests)?;
            store.find(slot.name(), digested.as_revoked())
        });
        // The latest end counts.
        known
            .into_iter()
            .chain(by_digest)
            .max_by_key(|known| known.end)
    }

    /// Returns true if the subject was revoked, or its record with this `jti`.
    pub(crate) fn knows(&self, slot: &ProviderSlot, subject: &Subject, jti: Option<&str>) -> bool {
        let by_token = match subject {
            Subject::Token(token) => self.find(slot, Revoked::Token(token)),
            Subject::Id(_) => None,
        };
        let id = jti.and_then(|jti| slot.entry.provider.record_id(jti));
        let by_record = || self.find(slot, Revoked::Record(id.as_ref()?));
        by_token.or_else(by_record).is_some()
    }

    /// Remembers revocations that another replica has confirmed.
    pub(crate) fn learn(&self, revoked: &[Revocation]) {
        let Some(store) = &self.store else {
            return;
        };
        for Revocation {
            provider,
            revoked,
            end,
        } in revoked
        {
            if let Some(digested) = Digested::new(*revoked) {
                store.remember(provider, digested.as_revoked(), *end, self.clock.now());
            }
        }
    }

    pub(crate) fn remember(
        &self,
        slot: &ProviderSlot,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
    ) {
        let Some(store) = &self.store else {
            return;
        };
        let now = self.clock.now();
        let digests = self.fleet.as_ref().map(|fleet| fleet.digests());
        let digested = digests.and_then(|digests| Digested::of(revoked, digests));
        let revoked = digested.as_ref().map_or(revoked, Digested::as_revoked);
        store.remember(slot.name(), revoked, end, now);
    }

    /// Saves the remembered revocations for a restart, where the store is durable.
    ///
    /// # Errors
    /// [`Outage::NotSaved`], after 5 s at most.
    pub(crate) async fn save(&self) -> Result<(), Failure> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        match timeout(SAVE_TIME, store.save(self.clock.now())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Failure::outage(Outage::NotSaved)),
        }
    }

    /// Answers for a token that was revoked and whose end is known: no request is needed.
    pub(crate) fn answer(&self, slot: &ProviderSlot, subject: &Subject) -> Option<Introspection> {
        match subject {
            Subject::Token(token) => {
                let end = self.find(slot, Revoked::Token(token))?.end?;
                Some(revoked_until(Some(end)))
            }
            // Its record is still shown.
            Subject::Id(_) => None,
        }
    }

    /// Judges a provider's answer by what is remembered.
    pub(crate) fn judge(
        &self,
        slot: &ProviderSlot,
        subject: &Subject,
        answer: Result<Introspection, Failure>,
    ) -> Result<Introspection, Failure> {
        match (subject, answer) {
            (Subject::Token(token), Ok(Introspection::Token(mut record))) => {
                self.judge_record(slot, Some(token), &mut record);
                Ok(Introspection::Token(record))
            }
            // A revoked token stays revoked whatever the provider answers, failures included.
            (Subject::Token(token), answer @ (Ok(Introspection::Inactive) | Err(_))) => self
                .find(slot, Revoked::Token(token))
                .map_or(answer, |it| Ok(revoked_until(it.end))),
            (Subject::Id(_), Ok(Introspection::Token(mut record))) => {
                self.judge_record(slot, None, &mut record);
                Ok(Introspection::Token(record))
            }
            (Subject::Id(_), answer @ (Ok(Introspection::Inactive) | Err(_))) => answer,
        }
    }

    /// Marks a record as revoked if its token was, whatever the provider reports, and learns its
    /// end.
    pub(crate) fn judge_record(
        &self,
        slot: &ProviderSlot,
        token: Option<&TokenValue>,
        record: &mut Token,
    ) {
        let id = record
            .jti
            .as_deref()
            .and_then(|jti| slot.entry.provider.record_id(jti));
        let by_token = token.and_then(|token| self.find(slot, Revoked::Token(token)));
        let by_record = id
            .as_ref()
            .and_then(|id| self.find(slot, Revoked::Record(id)));
        if by_token.is_none() && by_record.is_none() {
            return;
        }
        record.status = Status::RevokedHere;
        let end = record.exp();
        let teaches = |known: Option<Remembered>| known.is_some_and(|known| known.end < end);
        if let Some(token) = token.filter(|_| teaches(by_token)) {
            self.remember(slot, Revoked::Token(token), end);
        }
        // A token revoked by its value may appear in a list.
        if let Some(id) = id.filter(|_| by_record.is_none() || teaches(by_record)) {
            self.remember(slot, Revoked::Record(&id), end);
        }
    }

    /// Returns true if the token of the record with this id was revoked.
    pub(crate) fn has_record(&self, slot: &ProviderSlot, id: &TokenId) -> bool {
        let record = slot.entry.provider.record_id(id.as_str());
        record.is_some_and(|record| self.find(slot, Revoked::Record(&record)).is_some())
    }
}

/// Digest of what was revoked, in the form that a store takes.
enum Digested {
    Token(TokenValue),
    Record(TokenId),
}

impl Digested {
    fn of(revoked: Revoked<'_>, digests: &Digests) -> Option<Self> {
        Self::new(match revoked {
            Revoked::Token(token) => RevokedDigest::Token(digests.token(token.expose())),
            Revoked::Record(id) => RevokedDigest::Record(digests.id(id.as_str())),
        })
    }

    /// Writes a digest in a form that is no token of any provider.
    fn new(revoked: RevokedDigest) -> Option<Self> {
        let text = |digest| format!("fleet:{:032x}", u128::from_be_bytes(digest));
        match revoked {
            RevokedDigest::Token(digest) => TokenValue::parse(text(digest)).ok().map(Self::Token),
            RevokedDigest::Record(digest) => TokenId::parse(text(digest)).ok().map(Self::Record),
        }
    }

    fn as_revoked(&self) -> Revoked<'_> {
        match self {
            Self::Token(token) => Revoked::Token(token),
            Self::Record(id) => Revoked::Record(id),
        }
    }
}

fn revoked_until(end: Option<Timestamp>) -> Introspection {
    Introspection::Token(Box::new(Token::new(
        Status::RevokedHere,
        end.map_or(Expiry::Never, Expiry::At),
    )))
}
