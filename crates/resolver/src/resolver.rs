use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use introspectd_core::ask::Context;
use introspectd_core::{
    Capabilities, Clock, Failure, ProviderName, Revocations, TokenId, TokenValue,
};
use introspectd_fleet::{Digests, Fleet, Hearing};

use crate::cache::{Cached, FactCache, PoolStatus};
use crate::fact::{Keep, Resolution, Source};
use crate::flight::{Asking, Flights};
use crate::key::{Key, Subject};
use crate::limits::{CacheLimits, CacheTimes};
use crate::lookup::Lookup;
use crate::purge_log::PurgeLog;
use crate::revoked::Memory;
use crate::router::{Routed, Unmatched};
use crate::slot::{ProviderEntry, ProviderSlot};
use crate::slots::Slots;
use crate::status::ProviderStatus;
use crate::sweep::Sweeper;
use crate::table::Table;

/// Resolver of tokens to facts, of each of which it keeps a `K`.
///
/// A resolver never changes. That of a changed configuration ([`Resolver::reconfigured`]) has
/// another table, and shares all the rest.
pub struct Resolver<K> {
    pub(crate) table: Table,
    /// Times that kept providers have once this resolver is in force.
    pub(crate) kept_times: Vec<(Arc<ProviderSlot>, CacheTimes)>,
    pub(crate) cache: Arc<FactCache<K>>,
    pub(crate) flights: Flights<K>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<PurgeLog>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) memory: Memory,
    pub(crate) fleet: Option<Arc<Fleet>>,
    pub(crate) hearing: Arc<Hearing>,
}

impl<K: Keep> Resolver<K> {
    /// Creates a resolver for these providers, in an order that breaks ties.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes for the cache's keys, or no thread for the
    /// sweeper.
    pub fn new(
        entries: Vec<ProviderEntry>,
        unmatched: &Unmatched,
        limits: CacheLimits,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Self::in_fleet(entries, unmatched, limits, clock, None)
    }

    /// Creates a resolver like [`Resolver::new`], which shares facts and purges with the replicas
    /// of this fleet.
    ///
    /// # Errors
    /// Those of [`Resolver::new`].
    pub fn in_fleet(
        entries: Vec<ProviderEntry>,
        unmatched: &Unmatched,
        limits: CacheLimits,
        clock: Arc<dyn Clock>,
        fleet: Option<Arc<Fleet>>,
    ) -> io::Result<Self> {
        let (digests, hearing) = match &fleet {
            Some(fleet) => (fleet.digests().clone(), Arc::clone(fleet.hearing())),
            None => (Digests::random()?, Arc::new(Hearing::alone())),
        };
        let log = Arc::<PurgeLog>::default();
        let slots = Arc::new(Slots::new(digests));
        let add = |entry| slots.add(entry, Arc::clone(&clock), limits.times);
        let added: io::Result<_> = entries.into_iter().map(add).collect();
        let cache = FactCache::new(limits.max_bytes, Arc::clone(&clock), Arc::clone(&hearing));
        let cache = Arc::new(cache);
        let sweeper = Sweeper::start(Arc::clone(&log), Arc::clone(&slots), Arc::clone(&cache))?;
        Ok(Self {
            table: Table::new(added?, unmatched, 1),
            kept_times: Vec::new(),
            cache,
            flights: Flights::new(None),
            memory: Memory::new(None, Arc::clone(&clock), fleet.clone()),
            clock,
            fleet,
            hearing,
            log,
            slots,
            sweeper: Arc::new(sweeper),
        })
    }

    /// Remembers confirmed revocations in this store.
    #[must_use]
    pub fn with_revocations(self, revocations: &Arc<dyn Revocations>) -> Self {
        let (store, clock) = (Arc::clone(revocations), Arc::clone(&self.clock));
        let memory = Memory::new(Some(store), clock, self.fleet.clone());
        Self { memory, ..self }
    }

    /// Number of the providers' configuration, which grows with each change.
    pub fn revision(&self) -> u64 {
        self.table.revision()
    }

    /// Configured provider of this name.
    pub fn provider(&self, name: &str) -> Option<&ProviderName> {
        self.table.named(name).map(|(_, slot)| slot.name())
    }

    /// All providers, in the order of their configuration.
    pub fn providers(&self) -> impl Iterator<Item = ProviderStatus<'_>> {
        self.table.slots().iter().map(|slot| {
            let ProviderEntry {
                name,
                kind,
                provider,
                ..
            } = &slot.entry;
            let capabilities = Capabilities::of(&**provider);
            let last_failure = slot.last_failure.of_provider();
            ProviderStatus {
                name,
                kind,
                capabilities,
                health: provider.health(),
                gauges: provider.gauges(),
                meter: Arc::clone(&slot.meter),
                last_failure,
                lookups: &slot.lookups,
            }
        })
    }

    /// Content of the cache's pools: of active facts, and of all others.
    pub fn pools(&self) -> [PoolStatus; 2] {
        self.cache.pools()
    }

    /// Number of entries so far that purges removed from the cache.
    pub fn purged(&self) -> u64 {
        self.cache.purged()
    }

    /// Resolves a token that a client presented.
    ///
    /// Asks only providers that the token is routed to, of these only those that `may_ask` allows,
    /// and with `only` no other. Dropping the future leaves an in-flight request to its other
    /// waiters and to the cache.
    ///
    /// # Errors
    /// A [`Failure`] if no provider gave a definite answer and at least one should have.
    pub async fn introspect(
        &self,
        token: TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Result<Resolution<'_, K>, Failure> {
        self.introspect_within(token, only, may_ask, Context::current)
            .await
    }

    /// Resolves like [`Resolver::introspect`], for a request whose context is made after a miss.
    ///
    /// # Errors
    /// Those of [`Resolver::introspect`].
    pub async fn introspect_within(
        &self,
        token: TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
        context: impl Fn() -> Context + Sync,
    ) -> Result<Resolution<'_, K>, Failure> {
        let (_, routed) = self.table.route(&token, only);
        let routed = routed.retain(|place| {
            self.table
                .slot(place)
                .is_some_and(|slot| may_ask(slot.name()))
        });
        let subject = Subject::Token(token);
        match routed {
            Routed::Nowhere => Ok(Resolution::UNROUTED),
            Routed::One(place) => self.resolve(place, &subject, &context).await,
            Routed::Several(places) => match self.cached_active(&places, &subject) {
                Some(hit) => Ok(hit),
                None => Box::pin(self.side_by_side(&places, &subject, &context)).await,
            },
        }
    }

    /// Looks up the record with this id. Permission is the caller's responsibility.
    ///
    /// # Errors
    /// A [`Failure`] if the provider gave no definite answer; [`Failure::Unsupported`] if it has no
    /// such call.
    pub async fn lookup(
        &self,
        id: TokenId,
        provider: &ProviderName,
    ) -> Result<Resolution<'_, K>, Failure> {
        match self.table.named(provider.as_str()) {
            None => Ok(Resolution::UNROUTED),
            // Before a flight, which would take a permit, or fail as overloaded and seem transient.
            Some((_, slot)) if slot.entry.provider.records().is_none() => Err(Failure::Unsupported),
            Some((place, _)) => {
                let subject = Subject::Id(id);
                self.resolve(place, &subject, &Context::current).await
            }
        }
    }

    /// Returns a cached active fact of one of these providers. It settles what the token is, which
    /// is then not shown to the other providers again.
    fn cached_active(&self, places: &[usize], subject: &Subject) -> Option<Resolution<'_, K>> {
        places
            .iter()
            .filter_map(|place| self.table.slot(*place))
            .find_map(|slot| {
                let hit = self.hit(slot, &slot.keys.key(subject))?;
                hit.active(self.clock.now())?;
                slot.lookups.count(Lookup::Hit);
                Some(hit)
            })
    }

    /// One active answer wins; inactive only if every provider said so; else the failure.
    async fn side_by_side(
        &self,
        places: &[usize],
        subject: &Subject,
        context: Asking<'_>,
    ) -> Result<Resolution<'_, K>, Failure> {
        let now = || self.clock.now();
        let mut requests: FuturesUnordered<_> = places
            .iter()
            .map(|place| self.resolve(*place, subject, context))
            .collect();
        let mut inactive = Resolution {
            source: Source::Hit,
            ..Resolution::UNROUTED
        };
        let mut failure = None;
        while let Some(outcome) = requests.next().await {
            match outcome {
                Ok(resolution) if resolution.active(now()).is_some() => return Ok(resolution),
                Ok(resolution) => inactive.source = inactive.source.max(resolution.source),
                Err(reason) => failure = failure.or(Some(reason)),
            }
        }
        failure.map_or(Ok(inactive), Err)
    }

    /// Returns what the cache has, without a request.
    pub(crate) fn cached(&self, place: usize, subject: &Subject) -> Option<Resolution<'_, K>> {
        let slot = self.table.slot(place)?;
        self.hit(slot, &slot.keys.key(subject))
    }

    pub(crate) fn hit<'a>(&self, slot: &'a ProviderSlot, key: &Key) -> Option<Resolution<'a, K>> {
        match self.cache.get(key, &slot.purges) {
            Cached::Fresh(fact, left) => Some(slot.resolution(fact, Source::Hit, left)),
            Cached::Stale(_) | Cached::Nothing(_) => None,
        }
    }

    /// Resolves one subject at one provider: by the cache, else by a request.
    pub(crate) async fn resolve(
        &self,
        place: usize,
        subject: &Subject,
        context: Asking<'_>,
    ) -> Result<Resolution<'_, K>, Failure> {
        let Some(slot) = self.table.slot(place) else {
            return Ok(Resolution::UNROUTED);
        };
        let key = slot.keys.key(subject);
        let result = match self.cache.get(&key, &slot.purges) {
            Cached::Fresh(fact, left) => {
                slot.lookups.count(Lookup::Hit);
                return Ok(slot.resolution(fact, Source::Hit, left));
            }
            Cached::Stale(_) => Lookup::Expired,
            Cached::Nothing(why) => why,
        };
        // Boxed, so that a hit does not carry the state of a miss from place to place.
        Box::pin(self.miss(slot, key, subject, &context(), result)).await
    }
}
