use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use introspectd_core::ask::Context;
use introspectd_core::{Failure, Outage, ProviderName, TokenId, TokenValue};

use crate::cache::Held;
use crate::fact::{Keep, Resolution, Source};
use crate::key::Subject;
use crate::resolver::Resolver;
use crate::router::Rule;

/// Explanation of an answer about a token, without a trace of providers that the caller may not
/// ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'a, K> {
    /// Rule of the route; `None` if the token is routed to no provider that may be asked.
    pub rule: Option<Rule<'a>>,
    /// Each provider that the token is routed to.
    pub accounts: Vec<Account<'a, K>>,
    /// Outcome of [`Resolver::introspect`], or [`Resolver::lookup`] of an id.
    pub outcome: Result<Resolution<'a, K>, Failure>,
}

/// Part of one provider in an explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Account<'a, K> {
    /// Name of the provider.
    pub provider: &'a ProviderName,
    /// State of its cache entry before.
    pub held: Option<Held>,
    /// Answer, or the reason why it was not asked.
    pub answer: Result<Answer<'a, K>, NotAsked>,
}

/// Answer of one provider, from the cache or by a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<'a, K> {
    /// Outcome for the caller.
    pub outcome: Result<Resolution<'a, K>, Failure>,
    /// Failure of the request, also if a stale fact stood in.
    pub failure: Option<Failure>,
    /// Time that it took.
    pub took: Duration,
    /// True if a remembered revocation was the answer, without a request.
    pub is_remembered: bool,
    /// Objection to a token that is not active, by a provider that judges it by itself; nothing of
    /// the token is in it.
    pub objection: Option<String>,
}

/// Reason why a provider was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAsked {
    /// The provider has no such call.
    Unable,
    /// Another provider's cached fact is active, which settles it.
    Settled,
}

/// Answer of the provider in this place, with its newest purge before the request.
struct Dated<'a, K> {
    place: usize,
    newest_purge: u64,
    answer: Answer<'a, K>,
}

impl<K> Dated<'_, K> {
    fn purged(mut self) -> Self {
        let failure = Failure::outage(Outage::Purged);
        self.answer.failure = Some(failure.clone());
        self.answer.outcome = Err(failure);
        self
    }
}

impl<K: Keep> Resolver<K> {
    /// Returns the providers that [`Resolver::introspect`] would ask about a token if nothing was
    /// cached.
    pub fn belongs_to(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Vec<&ProviderName> {
        let (_, routed) = self.table.route(token, only);
        let names = routed
            .places()
            .iter()
            .filter_map(|place| self.table.slot(*place))
            .map(|slot| slot.name());
        names.filter(|name| may_ask(name)).collect()
    }

    /// Does what [`Resolver::introspect`] does, and explains it. Waits for every provider, even if
    /// one has settled the outcome.
    pub async fn explain(
        &self,
        token: TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Explanation<'_, K> {
        let (rule, routed) = self.table.route(&token, only);
        let subject = Subject::Token(token.clone());
        let visible =
            routed.retain(|place| self.table.entry(place).is_some_and(|it| may_ask(&it.name)));
        let visible = visible.places();
        let rule = (!visible.is_empty()).then_some(rule);
        let is_active = |hit: Resolution<'_, K>| hit.active(self.clock.now()).is_some();
        let settles = match visible {
            [] | [_] => None,
            several => several
                .iter()
                .find(|place| self.cached(**place, &subject).is_some_and(is_active)),
        };
        let asked = settles.map_or(visible, std::slice::from_ref);

        let held: Vec<_> = visible
            .iter()
            .map(|place| self.held(*place, &subject))
            .collect();
        let answers = self.ask_all(asked, &subject).await;
        let mut answers = self.recheck(answers, &subject).await;
        self.add_objections(&mut answers, &token).await;
        let outcome = self.combined(&answers);
        let answer_of = |place: usize| {
            let taken = answers
                .iter()
                .find(|taken| taken.place == place)
                .map(|taken| taken.answer.clone());
            taken.ok_or(NotAsked::Settled)
        };
        let accounts = visible.iter().zip(held).filter_map(|(place, held)| {
            let provider = self.table.slot(*place)?.name();
            Some(Account {
                provider,
                held,
                answer: answer_of(*place),
            })
        });
        Explanation {
            rule,
            accounts: accounts.collect(),
            outcome,
        }
    }

    /// Explains [`Resolver::lookup`]. Permission is the caller's responsibility.
    pub async fn explain_id(&self, id: TokenId, provider: &ProviderName) -> Explanation<'_, K> {
        let Some((place, slot)) = self.table.named(provider.as_str()) else {
            return Explanation {
                rule: None,
                accounts: Vec::new(),
                outcome: Ok(Resolution::UNROUTED),
            };
        };
        let subject = Subject::Id(id);
        let held = self.held(place, &subject);
        let (answer, outcome) = if slot.entry.provider.records().is_some() {
            let answer = self.ask_one(place, &subject).await;
            let outcome = answer.outcome.clone();
            (Ok(answer), outcome)
        } else {
            (Err(NotAsked::Unable), Err(Failure::Unsupported))
        };
        let account = Account {
            provider: slot.name(),
            held,
            answer,
        };
        Explanation {
            rule: Some(Rule::Named),
            accounts: vec![account],
            outcome,
        }
    }

    fn held(&self, place: usize, subject: &Subject) -> Option<Held> {
        let slot = self.table.slot(place)?;
        self.cache.look(&slot.keys.key(subject), &slot.purges)
    }

    /// Asks these providers, and returns their answers in the order of arrival.
    async fn ask_all(&self, places: &[usize], subject: &Subject) -> Vec<Dated<'_, K>> {
        let answers: FuturesUnordered<_> = places
            .iter()
            .map(async |&place| {
                let newest_purge = self.newest_purge(place);
                Dated {
                    place,
                    newest_purge,
                    answer: self.ask_one(place, subject).await,
                }
            })
            .collect();
        answers.collect().await
    }

    /// Asks again where a purge may have come while the slowest provider was waited for. Purged
    /// again, it fails, as for [`Resolver::introspect`].
    async fn recheck<'a>(
        &'a self,
        taken: Vec<Dated<'a, K>>,
        subject: &Subject,
    ) -> Vec<Dated<'a, K>> {
        let (mut good, purged) = self.split_purged(taken, subject);
        let places: Vec<usize> = purged.iter().map(|taken| taken.place).collect();
        let (again, purged) = self.split_purged(self.ask_all(&places, subject).await, subject);
        good.extend(again);
        good.extend(purged.into_iter().map(Dated::purged));
        good
    }

    /// Splits answers into valid ones and those that a purge may select.
    fn split_purged<'a>(
        &'a self,
        taken: Vec<Dated<'a, K>>,
        subject: &Subject,
    ) -> (Vec<Dated<'a, K>>, Vec<Dated<'a, K>>) {
        let (mut good, mut purged) = (Vec::new(), Vec::new());
        for mut taken in taken {
            let is_current = taken.newest_purge == self.newest_purge(taken.place);
            match &mut taken.answer.outcome {
                Ok(resolution) if !is_current => match self.cached(taken.place, subject) {
                    // The cached fact passed the purges; it may be newer than this answer.
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
        self.table
            .slot(place)
            .map_or(0, |slot| slot.purges.newest())
    }

    async fn ask_one(&self, place: usize, subject: &Subject) -> Answer<'_, K> {
        let revoked = self
            .table
            .slot(place)
            .and_then(|slot| self.memory.answer(slot, subject));
        let began = self.clock.elapsed();
        let outcome = self.resolve(place, subject, &Context::current).await;
        let took = self.clock.elapsed().saturating_sub(began);
        let failure = match &outcome {
            Err(failure) => Some(failure.clone()),
            // The stale fact has no reason with it, which has just been recorded.
            Ok(Resolution {
                source: Source::Stale,
                ..
            }) => self
                .table
                .slot(place)
                .and_then(|slot| slot.last_failure.any()),
            Ok(Resolution {
                source: Source::Hit | Source::Coalesced | Source::Miss,
                ..
            }) => None,
        };
        let is_miss = outcome.as_ref().is_ok_and(|it| it.source == Source::Miss);
        Answer {
            outcome,
            failure,
            took,
            is_remembered: is_miss && revoked.is_some(),
            objection: None,
        }
    }

    /// Adds what providers object to a token that they call inactive.
    async fn add_objections(&self, answers: &mut [Dated<'_, K>], token: &TokenValue) {
        for Dated { place, answer, .. } in answers {
            let now = self.clock.now();
            let is_inactive = matches!(&answer.outcome, Ok(it) if it.active(now).is_none());
            if is_inactive && let Some(slot) = self.table.slot(*place) {
                answer.objection = slot.entry.provider.objection(token).await;
            }
        }
    }

    /// One active answer wins; inactive only if every provider said so; else the failure.
    fn combined<'a>(&'a self, answers: &[Dated<'a, K>]) -> Result<Resolution<'a, K>, Failure> {
        let mut outcomes = answers.iter().map(|taken| &taken.answer.outcome);
        if let [alone] = answers {
            return alone.answer.outcome.clone();
        }
        let is_active = |outcome: &&Result<Resolution<'_, K>, _>| {
            outcome
                .as_ref()
                .is_ok_and(|it| it.active(self.clock.now()).is_some())
        };
        let deciding = outcomes
            .clone()
            .find(is_active)
            .or_else(|| outcomes.find(|outcome| outcome.is_err()));
        deciding.cloned().unwrap_or(Ok(Resolution::UNROUTED))
    }
}
