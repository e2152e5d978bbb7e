use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Arc, Weak};

use introspectd_core::{Doubt, DoubtHandler, Selector};
use introspectd_fleet::{Fleet, LocalPurge};

use crate::cache::FactCache;
use crate::fact::Keep;
use crate::key::Key;
use crate::purge_log::{ProviderPurges, PurgeLog};
use crate::stamp::Mark;

/// Withdrawal of the fact of one request, when its connection turns out to be unreliable. Covers
/// this key alone: one token's odd answer says nothing about others.
#[derive(Clone, Default)]
pub(crate) struct Doubted(Arc<AtomicBool>);

/// Fact as the other replicas of the fleet know it.
pub(crate) struct Retraction {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) selector: Selector,
}

impl Doubted {
    /// Creates the handler for a request about `key` at the provider of this slot. It may outlive
    /// the resolver.
    pub(crate) fn handler<K: Keep>(
        &self,
        purges: &Arc<ProviderPurges>,
        key: Key,
        log: &Arc<PurgeLog>,
        cache: &Arc<FactCache<K>>,
        retract: Option<Retraction>,
    ) -> DoubtHandler {
        let (doubted, purges) = (Arc::clone(&self.0), Arc::clone(purges));
        let (log, cache) = (Arc::downgrade(log), Arc::downgrade(cache));
        DoubtHandler::new(move |doubt| {
            // Before the removal: the flight checks it after its insertion.
            doubted.fetch_or(true, AcqRel);
            match (doubt, log.upgrade()) {
                (Doubt::Misplaced, Some(log)) => {
                    log.append(&[(Arc::clone(&purges), Mark::Key(key))]);
                }
                (Doubt::Surplus | Doubt::Misplaced, _) => {}
            }
            let _ = Weak::upgrade(&cache).map(|cache| cache.remove(&key));
            if let Some(Retraction { fleet, selector }) = &retract {
                fleet.publish_later(LocalPurge {
                    selector: selector.clone(),
                    revoked: Vec::new(),
                });
            }
            tracing::warn!(
                "connection to a provider brought bytes that nothing asked for; dropped its last \
                    fact"
            );
        })
    }

    /// Returns true if the answer was withdrawn.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Acquire)
    }
}
