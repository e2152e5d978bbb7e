use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{
    Expiry, Failure, Introspection, Outage, Remembered, Revocations, Revoked, Status, Timestamp, Token,
    TokenId, TokenValue,
};
use tokio::time::timeout;

use crate::cache::Cached;
use crate::fact::Keep;
use crate::key::Subject;
use crate::resolver::{Asked, Resolver};

/// How long a caller waits for a revocation to be saved.
const SAVE_TIME: Duration = Duration::from_secs(5);

/// How many may wait for a disk that hangs; further ones fail when their time is over.
pub(crate) const MOST_SAVES: usize = 4;

impl<K: Keep> Resolver<K> {
    /// Remembers confirmed revocations there. A resolver without such a store believes its providers, also one that goes
    /// on showing what it has revoked.
    #[must_use]
    pub fn with_revocations(mut self, revocations: &Arc<dyn Revocations>) -> Self {
        for asked in &mut self.providers {
            asked.revocations = Some(Arc::clone(revocations));
        }
        self.revocations = Some(Arc::clone(revocations));
        self
    }

    /// Remembers what the provider has just confirmed. Before the purge that follows: an answer that is judged before
    /// this is met by that purge, and one that comes later is judged by what is remembered.
    pub(crate) fn remember(&self, asked: &Asked, revoked: &Subject, bound: Option<&TokenId>) {
        let cached = |subject: &Subject| match self.cache.get(&asked.keys.key(subject), &asked.purges) {
            Cached::Fresh(fact) | Cached::Stale(fact) => fact.record,
            Cached::Nothing => None,
        };
        let of_bound = bound.map(|id| Subject::Id(id.clone()));
        let record = cached(revoked).or_else(|| of_bound.as_ref().and_then(cached));
        let end = record.as_ref().and_then(|record| record.validity.exp());
        let jti = record.as_ref().and_then(|record| record.kept.jti());
        if let Subject::Token(token) = revoked {
            asked.remember(Revoked::Token(token), end);
        }
        let named = match revoked {
            Subject::Id(id) => Some(id),
            Subject::Token(_) => bound,
        };
        let named = named.map(TokenId::as_str).or(jti.as_deref());
        if let Some(id) = named.and_then(|id| asked.entry.provider.record_id(id)) {
            asked.remember(Revoked::Record(&id), end);
        }
    }

    /// Has what is remembered survive a restart, where the store does so.
    ///
    /// # Errors
    /// [`Outage::NotSaved`], after 5 s at most.
    pub(crate) async fn save_revocations(&self) -> Result<(), Failure> {
        let Some(revocations) = self.revocations.clone() else { return Ok(()) };
        let (turns, now) = (Arc::clone(&self.saves), self.clock.now());
        let saved = timeout(SAVE_TIME, async move {
            let turn = turns.acquire_owned().await;
            let save = move || {
                let _turn = turn;
                revocations.save(now)
            };
            tokio::task::spawn_blocking(save).await
        });
        match saved.await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(_)) | Err(_)) | Err(_) => Err(Failure::outage(Outage::NotSaved)),
        }
    }
}

impl Asked {
    /// Whether an answer about this needs no question: it was revoked, and when its end is, is known.
    pub(crate) fn needs_no_question(&self, subject: &Subject) -> Option<Introspection> {
        match subject {
            Subject::Token(token) => {
                let end = self.find(Revoked::Token(token))?.end?;
                Some(revoked_until(Some(end)))
            }
            // A record is still to be shown.
            Subject::Id(_) => None,
        }
    }

    /// What counts of a provider's answer about this.
    pub(crate) fn judge(
        &self,
        subject: &Subject,
        answer: Result<Introspection, Failure>,
    ) -> Result<Introspection, Failure> {
        match (subject, answer) {
            (Subject::Token(token), Ok(Introspection::Token(mut record))) => {
                self.judge_record(Some(token), &mut record);
                Ok(Introspection::Token(record))
            }
            // Whatever the provider says, or fails to.
            (Subject::Token(token), answer @ (Ok(Introspection::Inactive) | Err(_))) => {
                self.find(Revoked::Token(token)).map_or(answer, |it| Ok(revoked_until(it.end)))
            }
            (Subject::Id(_), Ok(Introspection::Token(mut record))) => {
                self.judge_record(None, &mut record);
                Ok(Introspection::Token(record))
            }
            (Subject::Id(_), answer @ (Ok(Introspection::Inactive) | Err(_))) => answer,
        }
    }

    /// Calls a record revoked if its token was, whatever the provider calls it, and learns its end from it.
    pub(crate) fn judge_record(&self, token: Option<&TokenValue>, record: &mut Token) {
        let id = record.jti.as_deref().and_then(|jti| self.entry.provider.record_id(jti));
        let by_token = token.and_then(|token| self.find(Revoked::Token(token)));
        let by_record = id.as_ref().and_then(|id| self.find(Revoked::Record(id)));
        if by_token.is_none() && by_record.is_none() {
            return;
        }
        record.status = Status::RevokedHere;
        let end = record.exp();
        let teaches = |known: Option<Remembered>| known.is_some_and(|known| known.end < end);
        if let Some(token) = token.filter(|_| teaches(by_token)) {
            self.remember(Revoked::Token(token), end);
        }
        // What was revoked by its value may come to light in a list.
        if let Some(id) = id.filter(|_| by_record.is_none() || teaches(by_record)) {
            self.remember(Revoked::Record(&id), end);
        }
    }

    fn remember(&self, revoked: Revoked<'_>, end: Option<Timestamp>) {
        if let Some(revocations) = &self.revocations {
            revocations.remember(&self.entry.name, revoked, end, self.clock.now());
        }
    }

    pub(crate) fn find(&self, revoked: Revoked<'_>) -> Option<Remembered> {
        self.revocations.as_ref()?.find(&self.entry.name, revoked)
    }
}

fn revoked_until(end: Option<Timestamp>) -> Introspection {
    Introspection::Token(Box::new(Token::new(Status::RevokedHere, end.map_or(Expiry::Never, Expiry::At))))
}
