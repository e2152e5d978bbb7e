use std::io;
use std::sync::Arc;

use introspectd_core::ProviderName;
use introspectd_fleet::Fleet;

use crate::fact::Keep;
use crate::limits::{CacheLimits, CacheTimes};
use crate::resolver::Resolver;
use crate::router::Unmatched;
use crate::slot::{ProviderEntry, ProviderSlot};
use crate::table::Table;

/// Provider of a changed configuration.
#[derive(Debug)]
pub enum Configured {
    /// Unchanged: it keeps its facts, its purges and its health. Facts that are requested from now
    /// on have these times, which may be the cache's.
    Kept(ProviderName, CacheTimes),
    /// Another one, or the same name with another meaning: it begins without facts.
    New(ProviderEntry),
}

/// Providers of a changed configuration, in an order that breaks ties.
#[derive(Debug)]
pub enum NextProviders {
    /// Providers of the same fleet, or of none.
    Reconfigured(Vec<Configured>),
    /// Providers of another fleet, or of the same by another secret: all keys are others, so all
    /// begin without facts. What was revoked stays remembered.
    Rejoined {
        /// Providers.
        entries: Vec<ProviderEntry>,
        /// Limits of the cache, which begins empty.
        limits: CacheLimits,
        /// Fleet to share facts and purges with.
        fleet: Arc<Fleet>,
    },
}

/// Changed configurations.
impl<K: Keep> Resolver<K> {
    /// Creates the resolver of a changed configuration, in which each kept provider goes on with
    /// its facts. Both resolvers may be used at once. The cache keeps its size.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes, or a kept provider is not in this resolver.
    pub fn reconfigured(
        &self,
        providers: NextProviders,
        unmatched: &Unmatched,
        times: CacheTimes,
    ) -> io::Result<Self> {
        let providers = match providers {
            NextProviders::Reconfigured(providers) => providers,
            NextProviders::Rejoined {
                entries,
                limits,
                fleet,
            } => return self.rejoined(entries, unmatched, limits, fleet),
        };
        let mut kept_times = Vec::new();
        let slot = |provider| match provider {
            Configured::Kept(name, times) => match self.table.named(name.as_str()) {
                Some((_, slot)) => {
                    kept_times.push((Arc::clone(slot), times));
                    Ok(Arc::clone(slot))
                }
                None => Err(io::Error::other(format!("there was no provider {name}"))),
            },
            Configured::New(entry) => self.slots.add(entry, Arc::clone(&self.clock), times),
        };
        let slots: io::Result<_> = providers.into_iter().map(slot).collect();
        Ok(Self {
            table: Table::new(slots?, unmatched, self.revision() + 1),
            kept_times,
            cache: Arc::clone(&self.cache),
            flights: self.flights.clone(),
            clock: Arc::clone(&self.clock),
            log: Arc::clone(&self.log),
            slots: Arc::clone(&self.slots),
            sweeper: Arc::clone(&self.sweeper),
            memory: self.memory.clone(),
            fleet: self.fleet.clone(),
            hearing: Arc::clone(&self.hearing),
        })
    }

    fn rejoined(
        &self,
        entries: Vec<ProviderEntry>,
        unmatched: &Unmatched,
        limits: CacheLimits,
        fleet: Arc<Fleet>,
    ) -> io::Result<Self> {
        let (clock, memory) = (Arc::clone(&self.clock), self.memory.in_fleet(&fleet));
        let fresh = Self::in_fleet(entries, unmatched, limits, clock, Some(fleet))?;
        Ok(Self {
            table: fresh.table.with_revision(self.revision() + 1),
            flights: self.flights.alike(),
            memory,
            ..fresh
        })
    }

    /// Ends the use of this resolver's providers that `next` has not kept: from now on none of
    /// their facts is served from the cache or put there. Requests in flight end all the same.
    pub fn retire_for(&self, next: &Self) {
        let is_kept = |slot: &Arc<ProviderSlot>| {
            let mut kept = next.table.slots().iter();
            kept.any(|other| Arc::ptr_eq(slot, other))
        };
        let replaced = self.table.slots().iter().filter(|slot| !is_kept(slot));
        replaced.for_each(|slot| slot.purges.retire());
        let kept = next.kept_times.iter();
        kept.for_each(|(slot, times)| slot.set_times(*times));
        self.sweeper.sweep();
    }
}
