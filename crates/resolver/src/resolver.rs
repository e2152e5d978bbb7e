use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use introspectd_core::{
    Capabilities, Clock, Failure, Introspection, Outage, Provider, ProviderName, Revocations, Token, TokenId,
    TokenValue,
};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::cache::{Cached, FactCache};
use crate::doubt::Doubted;
use crate::fact::{Fact, Keep, Resolution, Source};
use crate::flight::{Boarding, Flight, Flights, Outcome, Turn};
use crate::key::{Key, KeyMaker, Subject};
use crate::limits::{CacheLimits, MAX_WAITING_LISTS, MOST_LISTS};
use crate::log_limit::LogLimit;
use crate::purge_log::{ProviderPurges, PurgeLog};
use crate::revoked::MOST_SAVES;
use crate::router::{Match, Routed, Router, Rule, Unmatched};
use crate::stamp::{Stamp, Tags};
use crate::status::{LastFailure, ProviderStatus};
use crate::sweep::Sweeper;

/// A provider as it is configured.
#[derive(Debug)]
pub struct ProviderEntry {
    /// Its name.
    pub name: ProviderName,
    /// What it is called in the configuration: `passport`, …
    pub kind: &'static str,
    /// Its adapter.
    pub provider: Arc<dyn Provider>,
    /// How its tokens are recognized. `None`: it is asked only by name, or about what no other matches.
    pub matching: Option<Match>,
    /// `iss` of its tokens, where it does not say so itself.
    pub issuer: Option<String>,
    /// How long one of its answers may take: its adapter's own deadline for each call.
    pub timeout: Duration,
}

/// From a token to a fact, of which `K` is kept.
pub struct Resolver<K> {
    pub(crate) providers: Vec<Asked>,
    router: Router,
    pub(crate) cache: Arc<FactCache<K>>,
    flights: Flights<K>,
    pub(crate) clock: Arc<dyn Clock>,
    log: Arc<PurgeLog>,
    pub(crate) sweeper: Sweeper,
    pub(crate) revocations: Option<Arc<dyn Revocations>>,
    pub(crate) saves: Arc<Semaphore>,
}

#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) entry: Arc<ProviderEntry>,
    pub(crate) lists: Arc<Semaphore>,
    pub(crate) list_queue: Arc<Semaphore>,
    pub(crate) last_failure: Arc<LastFailure>,
    log_limit: Arc<LogLimit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<KeyMaker>,
    pub(crate) purges: Arc<ProviderPurges>,
    place: u16,
    pub(crate) revocations: Option<Arc<dyn Revocations>>,
}

impl<K: Keep> Resolver<K> {
    /// For these providers, in an order that breaks ties.
    ///
    /// # Errors
    /// Where the system gives no random bytes for the cache's keys, or no thread that frees what is purged.
    pub fn new(
        entries: Vec<ProviderEntry>,
        unmatched: &Unmatched,
        limits: CacheLimits,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let unmatched = match unmatched {
            Unmatched::Reject => Routed::Nobody,
            Unmatched::AskAll => Routed::Several((0..entries.len()).collect()),
            Unmatched::Provider(name) => match entries.iter().position(|it| it.name == *name) {
                Some(place) => Routed::One(place),
                None => Routed::Nobody,
            },
        };
        let router = Router::new(entries.iter().map(|it| it.matching.as_ref()), unmatched);
        let log = Arc::new(PurgeLog::new(entries.len()));
        let asked = |(place, entry): (usize, ProviderEntry)| {
            Ok(Asked {
                lists: Arc::new(Semaphore::new(MOST_LISTS)),
                list_queue: Arc::new(Semaphore::new(MOST_LISTS + MAX_WAITING_LISTS)),
                entry: Arc::new(entry),
                last_failure: Arc::default(),
                log_limit: Arc::default(),
                clock: Arc::clone(&clock),
                keys: Arc::new(KeyMaker::random().map_err(io::Error::other)?),
                purges: log.at(place).map(Arc::clone).unwrap_or_default(),
                place: u16::try_from(place).map_err(io::Error::other)?,
                revocations: None,
            })
        };
        let providers: io::Result<_> = entries.into_iter().enumerate().map(asked).collect();
        let cache = Arc::new(FactCache::new(limits, Arc::clone(&clock)));
        let sweeper = Sweeper::start(Arc::clone(&log), Arc::clone(&cache))?;
        Ok(Self {
            providers: providers?,
            router,
            cache,
            flights: Flights::new(),
            clock,
            log,
            sweeper,
            revocations: None,
            saves: Arc::new(Semaphore::new(MOST_SAVES)),
        })
    }

    /// The configured provider of this name.
    pub fn provider(&self, name: &str) -> Option<&ProviderName> {
        self.named(name).map(|(_, it)| &it.entry.name)
    }

    /// All of them, in the order of their configuration.
    pub fn providers(&self) -> impl Iterator<Item = ProviderStatus<'_>> {
        self.providers.iter().map(|Asked { entry, last_failure, .. }| {
            let ProviderEntry { name, kind, provider, .. } = &**entry;
            let (capabilities, health) = (Capabilities::of(&**provider), provider.health());
            ProviderStatus { name, kind, capabilities, health, last_failure: last_failure.get() }
        })
    }

    /// What is known of a token that a client presented.
    ///
    /// Only providers that the token belongs to are asked, of these only those that `may_ask`, and
    /// where `only` is given, no other. Dropping the future leaves a question under way to the others
    /// who wait for it, and to the cache.
    ///
    /// # Errors
    /// A [`Failure`] where no provider said something definite and at least one should have.
    pub async fn introspect(
        &self,
        token: TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Result<Resolution<'_, K>, Failure> {
        let routed = self
            .candidates(&token, only)
            .retain(|place| self.provider_at(place).is_some_and(|it| may_ask(&it.name)));
        let subject = Subject::Token(token);
        match routed {
            Routed::Nobody => Ok(Resolution::NOBODY),
            Routed::One(place) => self.resolve(place, &subject).await,
            Routed::Several(places) => self.side_by_side(&places, &subject).await,
        }
    }

    /// What is known of the record with this id. Who may know is the caller's business.
    ///
    /// # Errors
    /// A [`Failure`] where the provider said nothing definite, [`Failure::Unsupported`] where it has
    /// no such call.
    pub async fn lookup(&self, id: TokenId, provider: &ProviderName) -> Result<Resolution<'_, K>, Failure> {
        match self.named(provider.as_str()) {
            None => Ok(Resolution::NOBODY),
            // At once, and not by way of a question: it would take a place, or find none and be told as
            // an overload, which is over some time.
            Some((_, it)) if it.entry.provider.records().is_none() => Err(Failure::Unsupported),
            Some((place, _)) => self.resolve(place, &Subject::Id(id)).await,
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<(usize, &Asked)> {
        self.providers.iter().enumerate().find(|(_, it)| it.entry.name.as_str() == name)
    }

    pub(crate) fn asked_at(&self, place: usize) -> Option<&Asked> {
        self.providers.get(place)
    }

    pub(crate) fn provider_at(&self, place: usize) -> Option<&ProviderEntry> {
        self.asked_at(place).map(|asked| &*asked.entry)
    }

    /// `only` narrows what routing says. A provider without a `match` can be meant by its name alone.
    pub(crate) fn candidates(&self, token: &TokenValue, only: Option<&ProviderName>) -> Routed {
        self.candidates_by(token, only).1
    }

    /// With the rule that decided.
    #[inline]
    pub(crate) fn candidates_by(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
    ) -> (Rule<'_>, Routed) {
        let (rule, routed) = self.router.route_by(token.expose());
        let Some(only) = only else { return (rule, routed) };
        let routed = match self.named(only.as_str()) {
            Some((place, it)) if it.entry.matching.is_none() || routed.contains(place) => Routed::One(place),
            Some(_) | None => Routed::Nobody,
        };
        (Rule::Named, routed)
    }

    /// One active answer wins; inactive only if every one of them said so; else the failure.
    async fn side_by_side(&self, places: &[usize], subject: &Subject) -> Result<Resolution<'_, K>, Failure> {
        let now = || self.clock.now();
        // Who knows the token to be active settles it: it is not shown to the others again.
        let mut known = places.iter().filter_map(|place| self.known(*place, subject));
        if let Some(hit) = known.find(|hit| hit.active(now()).is_some()) {
            return Ok(hit);
        }
        let mut asked: FuturesUnordered<_> =
            places.iter().map(|place| self.resolve(*place, subject)).collect();
        let mut inactive = Resolution { source: Source::Hit, ..Resolution::NOBODY };
        let mut failure = None;
        while let Some(outcome) = asked.next().await {
            match outcome {
                Ok(resolution) if resolution.active(now()).is_some() => return Ok(resolution),
                Ok(resolution) => inactive.source = inactive.source.max(resolution.source),
                Err(reason) => failure = failure.or(Some(reason)),
            }
        }
        failure.map_or(Ok(inactive), Err)
    }

    /// What the cache says, without asking.
    pub(crate) fn known(&self, place: usize, subject: &Subject) -> Option<Resolution<'_, K>> {
        let asked = self.providers.get(place)?;
        self.hit(asked, &asked.keys.key(subject))
    }

    fn hit<'a>(&self, asked: &'a Asked, key: &Key) -> Option<Resolution<'a, K>> {
        match self.cache.get(key, &asked.purges) {
            Cached::Fresh(fact) => Some(asked.says(fact, Source::Hit)),
            Cached::Stale(_) | Cached::Nothing => None,
        }
    }

    /// The story of one question: the cache, else the provider.
    pub(crate) async fn resolve(
        &self,
        place: usize,
        subject: &Subject,
    ) -> Result<Resolution<'_, K>, Failure> {
        let Some(asked) = self.providers.get(place) else { return Ok(Resolution::NOBODY) };
        let key = asked.keys.key(subject);
        match self.hit(asked, &key) {
            Some(hit) => Ok(hit),
            // Boxed: a hit would else carry all the room that a question needs from place to place.
            None => Box::pin(self.ask(asked, key, subject)).await,
        }
    }

    /// The flight under way, else a flight of our own; and if that fails through no fault of this token, what
    /// the cache kept for such a case.
    ///
    /// What was purged meanwhile is asked about once more, within what is left of the provider's time. The first try
    /// ends in that time by itself.
    async fn ask<'a>(
        &self,
        asked: &'a Asked,
        key: Key,
        subject: &Subject,
    ) -> Result<Resolution<'a, K>, Failure> {
        let until = tokio::time::Instant::now() + asked.entry.timeout;
        let first = self.try_once(asked, key, subject).await;
        let settled = match first {
            Some(settled) => Some(settled),
            None => timeout_at(until, self.try_once(asked, key, subject)).await.ok().flatten(),
        };
        let purged = || Err(Failure::outage(Outage::Purged));
        match settled.unwrap_or_else(purged) {
            Ok(resolution) => Ok(resolution),
            Err(failure) => self.stand_in(asked, &key, failure),
        }
    }

    /// `None` where a purge means what was found, judged at this very moment: the flight may have landed long ago.
    async fn try_once<'a>(
        &self,
        asked: &'a Asked,
        key: Key,
        subject: &Subject,
    ) -> Option<Result<Resolution<'a, K>, Failure>> {
        let (flight, source) = match self.flights.board(key) {
            Boarding::Under(flight) => (flight, Source::Coalesced),
            Boarding::Turn(turn) => {
                // A flight may have landed between the look into the cache and this turn.
                if let Some(hit) = self.hit(asked, &key) {
                    return Some(Ok(hit));
                }
                (self.take_off(turn, asked, key, subject), Source::Miss)
            }
        };
        match flight.await {
            Ok((_, stamp)) if asked.purges.refuse(&key, &stamp) => None,
            Ok((fact, _)) => Some(Ok(asked.says(fact, source))),
            Err(failure) => Some(Err(failure)),
        }
    }

    fn take_off(&self, turn: Turn<'_, K>, asked: &Asked, key: Key, subject: &Subject) -> Flight<K> {
        let (asked, subject) = (asked.clone(), subject.clone());
        let (cache, purges, asked_at) =
            (Arc::clone(&self.cache), Arc::clone(&asked.purges), self.clock.elapsed());
        let (number, doubted) = (self.log.latest(), Doubted::default());
        let handler = doubted.handler(usize::from(asked.place), key, &self.log, &cache);
        let question = handler.scope(async move { asked.ask(&subject, number).await });
        turn.start(question, move |fact, stamp| {
            if !purges.refuse(&key, &stamp) {
                cache.put(key, fact.clone(), stamp, asked_at);
            }
            // After it was put there: whoever raises a doubt later finds it.
            if doubted.is_raised() {
                cache.remove(&key);
            }
        })
    }

    /// What the cache kept, judged when the failure is known: that may itself have taken long.
    fn stand_in<'a>(
        &self,
        asked: &'a Asked,
        key: &Key,
        failure: Failure,
    ) -> Result<Resolution<'a, K>, Failure> {
        match self.cache.get(key, &asked.purges) {
            Cached::Stale(fact) if failure.allows_stale() && fact.active(self.clock.now()).is_some() => {
                Ok(asked.says(fact, Source::Stale))
            }
            Cached::Stale(_) | Cached::Fresh(_) | Cached::Nothing => Err(failure),
        }
    }
}

impl Asked {
    fn says<K>(&self, fact: Fact<K>, source: Source) -> Resolution<'_, K> {
        Resolution { fact: Some((&self.entry.name, fact)), source }
    }

    /// As of the purge of this number.
    async fn ask<K: Keep>(&self, subject: &Subject, number: u64) -> Outcome<K> {
        let ProviderEntry { name, provider, .. } = &*self.entry;
        if let Some(revoked) = self.needs_no_question(subject) {
            let stamp = Stamp { number, place: self.place, tags: Tags::default() };
            return Ok((Fact::new(name, revoked), stamp));
        }
        let answer = match subject {
            Subject::Token(token) => self.question(provider.introspect(token)).await,
            Subject::Id(id) => {
                let records = provider.records().ok_or(Failure::Unsupported)?;
                self.question(records.lookup(id)).await
            }
        };
        let mut introspection = self.judge(subject, answer)?;
        let mut tags = Tags::default();
        if let Introspection::Token(token) = &mut introspection {
            self.complete(token);
            tags = Tags::of(token, &self.keys);
        }
        Ok((Fact::new(name, introspection), Stamp { number, place: self.place, tags }))
    }

    /// Puts a question to the provider, and notes and logs how it went.
    pub(crate) async fn question<T>(
        &self,
        question: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (name, started) = (&self.entry.name, Instant::now());
        let outcome = question.await;
        // The provider was not asked, so nothing is known of how it is.
        if let Err(Failure::Unsupported | Failure::Unavailable { outage: Outage::Overloaded, .. }) = outcome {
            return outcome;
        }
        match &outcome {
            Ok(_) => tracing::debug!(provider = %name, after = ?started.elapsed(), "the provider answered"),
            Err(failure) => {
                self.last_failure.note(failure, self.clock.now());
                self.log_limit.log(name, failure, started.elapsed(), self.clock.elapsed());
            }
        }
        outcome
    }

    /// Adds what the configuration knows and the provider did not say.
    pub(crate) fn complete(&self, token: &mut Token) {
        if token.iss.is_none() {
            token.iss.clone_from(&self.entry.issuer);
        }
    }
}
