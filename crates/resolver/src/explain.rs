use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use introspectd_core::{Failure, Outage, ProviderName, TokenId, TokenValue};

use crate::cache::Held;
use crate::fact::{Keep, Resolution, Source};
use crate::key::Subject;
use crate::resolver::{Asked, Resolver};
use crate::router::Rule;

/// Why the answer about a token is what it is. Of providers that the caller may not ask there is no trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'a, K> {
    /// What led to the providers; `None` where the token goes to none that may be asked.
    pub rule: Option<Rule<'a>>,
    /// Each provider that it goes to.
    pub accounts: Vec<Account<'a, K>>,
    /// What [`Resolver::introspect`] makes of it, or [`Resolver::lookup`] of an id.
    pub outcome: Result<Resolution<'a, K>, Failure>,
}

/// What became of the question to one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Account<'a, K> {
    /// Its name.
    pub provider: &'a ProviderName,
    /// How the cache held its fact before.
    pub held: Option<Held>,
    /// What it says.
    pub answer: Result<Answer<'a, K>, NotAsked>,
}

/// What one provider says, by way of the cache or by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<'a, K> {
    /// What came out.
    pub outcome: Result<Resolution<'a, K>, Failure>,
    /// Why it was of no help, where that came out or an older fact stood in for it.
    pub failure: Option<Failure>,
    /// How long that took.
    pub took: Duration,
    /// Whether a revocation that is remembered was the answer, without a question.
    pub is_remembered: bool,
}

/// Why a provider was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAsked {
    /// It has no such call.
    Unable,
    /// Another one is known to call the token active, which settles it.
    Settled,
}

/// Answer of the provider in this place, with the newest purge there before it was asked for.
struct Taken<'a, K> {
    place: usize,
    newest_purge: u64,
    answer: Answer<'a, K>,
}

impl<K> Taken<'_, K> {
    fn purged(mut self) -> Self {
        let failure = Failure::outage(Outage::Purged);
        self.answer.failure = Some(failure.clone());
        self.answer.outcome = Err(failure);
        self
    }
}

impl<K: Keep> Resolver<K> {
    /// The providers that [`Resolver::introspect`] would ask about a token, unless it knows their answers.
    pub fn belongs_to(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Vec<&ProviderName> {
        let routed = self.candidates(token, only);
        let entries = routed.places().iter().filter_map(|place| self.provider_at(*place));
        let asked = entries.filter(|it| may_ask(&it.name));
        asked.map(|it| &it.name).collect()
    }

    /// Does what [`Resolver::introspect`] does, asks whom that would ask, and tells all about it. It waits for every
    /// provider, also where one has settled the matter.
    pub async fn explain(
        &self,
        token: TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Explanation<'_, K> {
        let (rule, routed) = self.candidates_by(&token, only);
        let subject = Subject::Token(token);
        let visible = routed.retain(|place| self.provider_at(place).is_some_and(|it| may_ask(&it.name)));
        let visible = visible.places();
        let rule = (!visible.is_empty()).then_some(rule);
        let is_active = |hit: Resolution<'_, K>| hit.active(self.clock.now()).is_some();
        let settles = match visible {
            [] | [_] => None,
            several => several.iter().find(|place| self.known(**place, &subject).is_some_and(is_active)),
        };
        let asked = settles.map_or(visible, std::slice::from_ref);

        let held: Vec<_> = visible.iter().map(|place| self.held(*place, &subject)).collect();
        let answers = self.ask_all(asked, &subject).await;
        let answers = self.judged_again(answers, &subject).await;
        let outcome = self.combined(&answers);
        let answer_of = |place: usize| {
            let taken = answers.iter().find(|taken| taken.place == place).map(|taken| taken.answer.clone());
            taken.ok_or(NotAsked::Settled)
        };
        let accounts = visible.iter().zip(held).filter_map(|(place, held)| {
            let provider = &self.provider_at(*place)?.name;
            Some(Account { provider, held, answer: answer_of(*place) })
        });
        Explanation { rule, accounts: accounts.collect(), outcome }
    }

    /// The same for [`Resolver::lookup`]. Who may know is the caller's business.
    pub async fn explain_id(&self, id: TokenId, provider: &ProviderName) -> Explanation<'_, K> {
        let Some((place, Asked { entry, .. })) = self.named(provider.as_str()) else {
            return Explanation { rule: None, accounts: Vec::new(), outcome: Ok(Resolution::NOBODY) };
        };
        let subject = Subject::Id(id);
        let held = self.held(place, &subject);
        let (answer, outcome) = if entry.provider.records().is_some() {
            let answer = self.ask_one(place, &subject).await;
            let outcome = answer.outcome.clone();
            (Ok(answer), outcome)
        } else {
            (Err(NotAsked::Unable), Err(Failure::Unsupported))
        };
        let account = Account { provider: &entry.name, held, answer };
        Explanation { rule: Some(Rule::Named), accounts: vec![account], outcome }
    }

    fn held(&self, place: usize, subject: &Subject) -> Option<Held> {
        let asked = self.asked_at(place)?;
        self.cache.look(&asked.keys.key(subject), &asked.purges)
    }

    /// In the order in which they answer.
    async fn ask_all(&self, places: &[usize], subject: &Subject) -> Vec<Taken<'_, K>> {
        let answers: FuturesUnordered<_> = places
            .iter()
            .map(async |&place| {
                let newest_purge = self.newest_purge(place);
                Taken { place, newest_purge, answer: self.ask_one(place, subject).await }
            })
            .collect();
        answers.collect().await
    }

    /// Asks once more about what may have been purged while the slowest provider was waited for. Purged again, it fails,
    /// as it does for [`Resolver::introspect`].
    async fn judged_again<'a>(&'a self, taken: Vec<Taken<'a, K>>, subject: &Subject) -> Vec<Taken<'a, K>> {
        let (mut good, purged) = self.parted(taken, subject);
        let places: Vec<usize> = purged.iter().map(|taken| taken.place).collect();
        let (again, purged) = self.parted(self.ask_all(&places, subject).await, subject);
        good.extend(again);
        good.extend(purged.into_iter().map(Taken::purged));
        good
    }

    /// Answers that hold, and those that a purge may mean.
    fn parted<'a>(
        &'a self,
        taken: Vec<Taken<'a, K>>,
        subject: &Subject,
    ) -> (Vec<Taken<'a, K>>, Vec<Taken<'a, K>>) {
        let (mut good, mut purged) = (Vec::new(), Vec::new());
        for mut taken in taken {
            let is_of_now = taken.newest_purge == self.newest_purge(taken.place);
            match &mut taken.answer.outcome {
                Ok(resolution) if !is_of_now => match self.known(taken.place, subject) {
                    // No purge means what the cache has, which may be a later answer than this one.
                    Some(hit) => resolution.fact = hit.fact,
                    None => {
                        purged.push(taken);
                        continue;
                    }
                },
                Ok(_) | Err(_) => {}
            }
            good.push(taken);
        }
        (good, purged)
    }

    fn newest_purge(&self, place: usize) -> u64 {
        self.asked_at(place).map_or(0, |asked| asked.purges.newest())
    }

    async fn ask_one(&self, place: usize, subject: &Subject) -> Answer<'_, K> {
        let revoked = self.asked_at(place).and_then(|asked| asked.needs_no_question(subject));
        let began = self.clock.elapsed();
        let outcome = self.resolve(place, subject).await;
        let took = self.clock.elapsed().saturating_sub(began);
        let failure = match &outcome {
            Err(failure) => Some(failure.clone()),
            // What stood in does not say for what, and that has just been noted.
            Ok(Resolution { source: Source::Stale, .. }) => {
                self.asked_at(place).and_then(|asked| asked.last_failure.get()).map(|(failure, _)| failure)
            }
            Ok(Resolution { source: Source::Hit | Source::Coalesced | Source::Miss, .. }) => None,
        };
        let is_miss = outcome.as_ref().is_ok_and(|it| it.source == Source::Miss);
        Answer { outcome, failure, took, is_remembered: is_miss && revoked.is_some() }
    }

    /// As side by side: one active answer wins; inactive only if every one of them said so; else the failure.
    fn combined<'a>(&'a self, answers: &[Taken<'a, K>]) -> Result<Resolution<'a, K>, Failure> {
        let mut outcomes = answers.iter().map(|taken| &taken.answer.outcome);
        if let [alone] = answers {
            return alone.answer.outcome.clone();
        }
        let is_active = |outcome: &&Result<Resolution<'_, K>, _>| {
            outcome.as_ref().is_ok_and(|it| it.active(self.clock.now()).is_some())
        };
        let deciding = outcomes.clone().find(is_active).or_else(|| outcomes.find(|outcome| outcome.is_err()));
        deciding.cloned().unwrap_or(Ok(Resolution::NOBODY))
    }
}
