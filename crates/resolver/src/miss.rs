use std::sync::Arc;
use std::time::Duration;

use introspectd_core::ask::Context;
use introspectd_core::trace::{Kind, Span};
use introspectd_core::{Failure, Outage};
use tokio::time::timeout_at;

use crate::cache::Cached;
use crate::doubt::Doubted;
use crate::entry::millis;
use crate::fact::{Fact, Keep, Resolution, Source};
use crate::fetch::Fetch;
use crate::flight::{Flight, Leader, Origin, Role};
use crate::key::{Key, Subject};
use crate::lifetime::lifetime;
use crate::lookup::{Counted, Lookup};
use crate::resolver::Resolver;
use crate::slot::ProviderSlot;

/// Most requests for one answer that purges take away. Each replica of a fleet whose Redis lost its
/// stream purges everything, all within moments.
const MAX_TRIES: usize = 4;

/// Misses: one flight for all that wait, and what becomes of its outcome.
impl<K: Keep> Resolver<K> {
    /// Joins or starts a flight; if it fails for a reason that cannot depend on this token, a stale
    /// fact stands in.
    ///
    /// A purged answer is requested again, within what is left of the provider's deadline. The
    /// first request keeps to that deadline by itself.
    pub(crate) async fn miss<'a>(
        &self,
        slot: &'a Arc<ProviderSlot>,
        key: Key,
        subject: &Subject,
        context: &Context,
        result: Lookup,
    ) -> Result<Resolution<'a, K>, Failure> {
        let mut span = Span::start(context.trace(), "cache", Kind::Internal);
        span.set("introspectd.provider", || slot.name().to_string());
        let context = &context.part(span.trace());
        let lookups = &slot.lookups;
        let mut lookup = Counted { lookups, result };
        let until = tokio::time::Instant::now() + slot.entry.timeout;
        let mut settled = self
            .try_once(slot, key, subject, context, &mut lookup)
            .await;
        for _ in 1..MAX_TRIES {
            if settled.is_some() {
                break;
            }
            let again = self.try_once(slot, key, subject, context, &mut lookup);
            settled = timeout_at(until, again).await.ok().flatten();
        }
        let purged = || Err(Failure::outage(Outage::Purged));
        let resolved = settled
            .unwrap_or_else(purged)
            .or_else(|failure| self.stale_or(failure, slot, &key))
            .inspect(|resolution| {
                if resolution.source == Source::Stale {
                    lookup.result = Lookup::Stale;
                }
            });
        span.set("introspectd.cache.result", || lookup.result.as_str());
        span.end();
        resolved
    }

    /// Returns `None` if a purge selects the answer, judged when it is taken, maybe long after.
    async fn try_once<'a>(
        &self,
        slot: &'a Arc<ProviderSlot>,
        key: Key,
        subject: &Subject,
        context: &Context,
        lookup: &mut Counted<'_>,
    ) -> Option<Result<Resolution<'a, K>, Failure>> {
        let (flight, source) = match self.flights.join_or_lead(key) {
            Role::Waiter(flight) => {
                lookup.result = Lookup::Coalesced;
                (flight, Source::Coalesced)
            }
            Role::Leader(leader) => {
                // A flight may have landed between the miss and here.
                if let Some(hit) = self.hit(slot, &key) {
                    lookup.result = Lookup::Hit;
                    return Some(Ok(hit));
                }
                (
                    self.start(leader, slot, key, subject, context.clone()),
                    Source::Miss,
                )
            }
        };
        match flight.await {
            Ok((_, origin)) if self.is_purged(slot, &key, origin) => None,
            // A fact of another replica is a hit: no provider was asked.
            Ok((fact, origin)) if origin.is_shared && source == Source::Miss => {
                lookup.result = Lookup::Hit;
                let left = self.fresh_for(slot, &key, &fact, origin);
                Some(Ok(slot.resolution(fact, Source::Hit, left)))
            }
            Ok((fact, origin)) => {
                let left = self.fresh_for(slot, &key, &fact, origin);
                Some(Ok(slot.resolution(fact, source, left)))
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    /// Returns the time for which the cache uses a fact that has just landed.
    fn fresh_for(
        &self,
        slot: &ProviderSlot,
        key: &Key,
        fact: &Fact<K>,
        origin: Origin,
    ) -> Duration {
        let validity = fact.record.as_ref().map(|record| &record.validity);
        let age = self.clock.elapsed().saturating_sub(origin.asked_at);
        lifetime(validity, self.clock.now(), &slot.times(), key.spread())
            .map_or(Duration::ZERO, |life| life.fresh.saturating_sub(age))
    }

    /// Returns true if a purge selects the fact, or may have without being heard of.
    fn is_purged(&self, slot: &ProviderSlot, key: &Key, origin: Origin) -> bool {
        let now = millis(self.clock.elapsed());
        slot.purges.has_purged(key, &origin.stamp)
            || !self.hearing.trusts(millis(origin.asked_at), now)
    }

    fn start(
        &self,
        leader: Leader<'_, K>,
        slot: &Arc<ProviderSlot>,
        key: Key,
        subject: &Subject,
        context: Context,
    ) -> Flight<K> {
        let doubted = Doubted::default();
        let handler = doubted.handler(
            &slot.purges,
            key,
            &self.log,
            &self.cache,
            self.retraction(slot, subject),
        );
        let fetch = Fetch {
            slot: Arc::clone(slot),
            subject: subject.clone(),
            key,
            memory: self.memory.clone(),
            log: Arc::clone(&self.log),
            clock: Arc::clone(&self.clock),
            fleet: self.fleet.clone(),
        };
        // Boxed here: each future around it is moved, and would move all of it.
        let request = context.scope(Box::pin(fetch.run()));
        let cache = Arc::clone(&self.cache);
        let slot = Arc::clone(slot);
        leader.start(handler.scope(request), move |fact, origin| {
            let Origin {
                stamp, asked_at, ..
            } = origin;
            if !slot.purges.refuse(&key, &stamp) {
                cache.put(key, fact.clone(), stamp, asked_at, &slot.times());
            }
            // After the insertion: a doubt raised later finds the entry.
            if doubted.is_raised() {
                cache.remove(&key);
            }
        })
    }

    /// Returns a stale fact in place of a failure, judged only now: the failure may have taken
    /// long.
    fn stale_or<'a>(
        &self,
        failure: Failure,
        slot: &'a ProviderSlot,
        key: &Key,
    ) -> Result<Resolution<'a, K>, Failure> {
        match self.cache.get(key, &slot.purges) {
            Cached::Stale(fact)
                if failure.allows_stale() && fact.active(self.clock.now()).is_some() =>
            {
                Ok(slot.resolution(fact, Source::Stale, Duration::ZERO))
            }
            Cached::Stale(_) | Cached::Fresh(..) | Cached::Nothing(_) => Err(failure),
        }
    }
}
