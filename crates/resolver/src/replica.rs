use std::sync::Arc;

use introspectd_core::{Selector, Target};
use introspectd_fleet::{Fleet, Purge, Replica, Revocation};

use crate::cache::FactCache;
use crate::doubt::Retraction;
use crate::fact::Keep;
use crate::key::Subject;
use crate::purge::{free, marks};
use crate::purge_log::PurgeLog;
use crate::resolver::Resolver;
use crate::revoked::Memory;
use crate::slot::ProviderSlot;
use crate::slots::Slots;
use crate::sweep::Sweeper;

/// Resolver as its fleet knows it, whatever its configuration becomes.
struct OfResolver<K> {
    cache: Arc<FactCache<K>>,
    log: Arc<PurgeLog>,
    slots: Arc<Slots>,
    sweeper: Arc<Sweeper>,
    memory: Memory,
}

impl<K: Keep> Replica for OfResolver<K> {
    fn apply(&self, purge: &Purge) -> u64 {
        // First: an answer that is judged from here on is met by what is remembered, and an
        // earlier one by the purge.
        self.memory.learn(&purge.revoked);
        let marks = marks(&self.slots, purge);
        let number = self.sweeper.purge(&marks);
        free(&self.cache, &marks);
        number
    }

    fn learn(&self, revoked: &[Revocation]) {
        self.memory.learn(revoked);
    }

    fn latest(&self) -> u64 {
        self.log.latest()
    }
}

/// Membership in a fleet.
impl<K: Keep> Resolver<K> {
    /// Returns the fleet, if the resolver is in one.
    pub fn fleet(&self) -> Option<&Arc<Fleet>> {
        self.fleet.as_ref()
    }

    /// Returns how a fact about this subject is taken back everywhere.
    pub(crate) fn retraction(&self, slot: &ProviderSlot, subject: &Subject) -> Option<Retraction> {
        let fleet = Arc::clone(self.fleet.as_ref()?);
        let selector = match subject {
            Subject::Token(token) => Selector::new(Target::Token(token.clone())),
            Subject::Id(id) => Selector::of_record(id, slot.name()),
        };
        Some(Retraction { fleet, selector })
    }

    /// Returns where the fleet puts purges of other replicas in force.
    pub fn replica(&self) -> Arc<dyn Replica> {
        Arc::new(OfResolver {
            cache: Arc::clone(&self.cache),
            log: Arc::clone(&self.log),
            slots: Arc::clone(&self.slots),
            sweeper: Arc::clone(&self.sweeper),
            memory: self.memory.clone(),
        })
    }
}
