use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use introspectd_core::{ProviderName, Selector, Target, TokenId, TokenValue};
use introspectd_fleet::{Confirmed, LocalPurge, NotShared, Purge, SharedMark};

use crate::cache::FactCache;
use crate::fact::Keep;
use crate::key::Tag;
use crate::resolver::Resolver;
use crate::slot::ProviderSlot;
use crate::slots::Slots;
use crate::stamp::Mark;
use crate::sweep::{Count, Marked};

/// Number of entries that a purge removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Facts that were removed.
    pub count: usize,
    /// True if more may follow: the pass did not end in time.
    pub is_estimate: bool,
}

/// Failure of a purge that is in force at this replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeFailure {
    /// The pass that counts it failed.
    NotCounted,
    /// The other replicas of the fleet could not be told in time; they are, as soon as possible.
    NotShared,
}

/// Purges. Once one returns, no request is served from purged facts, not even a late waiter of an
/// earlier request. That takes constant time whatever the cache holds; entries are freed in the
/// background.
impl<K: Keep> Resolver<K> {
    /// Purges the selected facts at this replica, and tells the others of its fleet in the
    /// background.
    pub fn purge(&self, selector: &Selector) {
        self.purge_here(selector);
        if let Some(fleet) = &self.fleet {
            fleet.publish_later(LocalPurge {
                selector: selector.clone(),
                revoked: Vec::new(),
            });
        }
    }

    /// Purges the facts of this token at all providers.
    pub fn purge_token(&self, token: &TokenValue) {
        self.purge(&Selector::new(Target::Token(token.clone())));
    }

    /// Purges the facts of the provider's record with this id, by its id and by its tokens.
    pub fn purge_id(&self, id: &TokenId, provider: &ProviderName) {
        self.purge(&Selector::of_record(id, provider));
    }

    pub(crate) fn purge_here(&self, selector: &Selector) {
        let marks = self.marks(selector);
        self.sweeper.purge(&marks);
        free(&self.cache, &marks);
    }

    /// Tells the other replicas of a purge that is in force here, with the revocations that led to
    /// it.
    ///
    /// # Errors
    /// [`NotShared`] after 5 s: it is told as soon as possible.
    pub(crate) async fn publish(
        &self,
        selector: Selector,
        revoked: Vec<Confirmed>,
    ) -> Result<(), NotShared> {
        match &self.fleet {
            Some(fleet) => fleet.publish(LocalPurge { selector, revoked }).await,
            None => Ok(()),
        }
    }

    /// Purges the selected facts, tells the other replicas, and waits for at most `patience` until
    /// the facts here are freed and counted. Safe to drop: the purge is in force once this is first
    /// polled.
    ///
    /// # Errors
    /// [`PurgeFailure`]: it is in force here, but was not counted, or not told to the others.
    pub async fn purge_counted(
        &self,
        selector: &Selector,
        patience: Duration,
    ) -> Result<Purged, PurgeFailure> {
        let counted = self.purge_and_count(selector, patience);
        // In force at once, before anything is awaited.
        let (counted, published) =
            tokio::join!(biased; counted, self.publish(selector.clone(), Vec::new()));
        let purged = counted?;
        published.map_err(|NotShared| PurgeFailure::NotShared)?;
        Ok(purged)
    }

    async fn purge_and_count(
        &self,
        selector: &Selector,
        patience: Duration,
    ) -> Result<Purged, PurgeFailure> {
        let marks = self.marks(selector);
        // Before and after: entries of a known key are counted without a pass, and none frees them
        // in between.
        let first = free(&self.cache, &marks);
        if let Target::Token(_) = selector.target {
            self.sweeper.purge(&marks);
            return Ok(Purged {
                count: first.max(free(&self.cache, &marks)),
                is_estimate: false,
            });
        }
        let Some(Count { removed, done }) = self.sweeper.purge_counted(marks) else {
            return Ok(Purged {
                count: first,
                is_estimate: true,
            });
        };
        let is_estimate = match tokio::time::timeout(patience, done).await {
            Ok(Ok(())) => false,
            Ok(Err(_)) => return Err(PurgeFailure::NotCounted),
            Err(_) => true,
        };
        Ok(Purged {
            count: first + removed.load(Relaxed),
            is_estimate,
        })
    }

    fn marks(&self, selector: &Selector) -> Vec<Marked> {
        let purge = Purge::of(selector, &[], self.slots.digests());
        marks(&self.slots, &purge)
    }
}

/// Removes the facts of single keys at once, and returns their number.
pub(crate) fn free<K: Keep>(cache: &FactCache<K>, marks: &[Marked]) -> usize {
    let keys = marks.iter().filter_map(|(_, mark)| mark.key());
    let removed = keys.filter(|key| cache.remove(key)).count();
    cache.count_purged(removed);
    removed
}

/// Returns the marks of a purge, each with its provider's purges. Those of earlier configurations
/// are among them: a request that began with one may still be in flight.
pub(crate) fn marks(slots: &Slots, purge: &Purge) -> Vec<Marked> {
    let slots = slots.all();
    let selected = slots
        .iter()
        .filter(|slot| purge.providers.contains(slot.name()));
    let marks = |slot: &Arc<ProviderSlot>| {
        let purges = Arc::clone(&slot.purges);
        marks_at(slot, purge.mark).map(move |mark| (Arc::clone(&purges), mark))
    };
    selected.flat_map(marks).collect()
}

fn marks_at(slot: &ProviderSlot, mark: SharedMark) -> impl Iterator<Item = Mark> + use<> {
    let key = |digest| Mark::Key(slot.keys.key_of(digest));
    let (one, other) = match mark {
        SharedMark::Token(digest) => (key(digest), None),
        SharedMark::Record(id, jti) => (key(id), Some(Mark::Record(Tag::of_digest(jti)))),
        SharedMark::Subject(digest) => (Mark::Subject(Tag::of_digest(digest)), None),
        SharedMark::Client(digest) => (Mark::Client(Tag::of_digest(digest)), None),
        SharedMark::All => (Mark::Everything, None),
    };
    std::iter::once(one).chain(other)
}
