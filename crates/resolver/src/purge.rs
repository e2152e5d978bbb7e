use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use introspectd_core::{ProviderName, Selector, Target, TokenId, TokenValue};

use crate::fact::Keep;
use crate::key::Subject;
use crate::resolver::Resolver;
use crate::slot::ProviderSlot;
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

/// Failure of the pass that counts a purge. The purge is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCounted;

/// Purges. Once one returns, no request is served from purged facts, not even a late waiter of an
/// earlier request. That takes constant time whatever the cache holds; entries are freed in the
/// background.
impl<K: Keep> Resolver<K> {
    /// Purges the selected facts.
    pub fn purge(&self, selector: &Selector) {
        let marks = self.marks(selector);
        self.sweeper.purge(&marks);
        self.remove(&marks);
    }

    /// Purges the facts of this token at all providers.
    pub fn purge_token(&self, token: &TokenValue) {
        self.purge(&Selector::new(Target::Token(token.clone())));
    }

    /// Purges the facts of the provider's record with this id, by its id and by its tokens.
    pub fn purge_id(&self, id: &TokenId, provider: &ProviderName) {
        self.purge(&Selector::new(Target::Record {
            provider: provider.clone(),
            id: id.clone(),
        }));
    }

    /// Purges the selected facts, and waits for at most `patience` until they are freed and
    /// counted. Safe to drop: the purge is in force once this is first polled.
    ///
    /// # Errors
    /// [`NotCounted`] if the pass failed.
    pub async fn purge_counted(
        &self,
        selector: &Selector,
        patience: Duration,
    ) -> Result<Purged, NotCounted> {
        let marks = self.marks(selector);
        // Before and after: entries of a known key are counted without a pass, and none frees them
        // in between.
        let first = self.remove(&marks);
        if let Target::Token(_) = selector.target {
            self.sweeper.purge(&marks);
            return Ok(Purged {
                count: first.max(self.remove(&marks)),
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
            Ok(Err(_)) => return Err(NotCounted),
            Err(_) => true,
        };
        Ok(Purged {
            count: first + removed.load(Relaxed),
            is_estimate,
        })
    }

    /// Removes the facts of single keys at once, and returns their number.
    fn remove(&self, marks: &[Marked]) -> usize {
        let keys = marks.iter().filter_map(|(_, mark)| mark.key());
        let removed = keys.filter(|key| self.cache.remove(key)).count();
        self.cache.count_purged(removed);
        removed
    }

    /// Returns the marks of the purge, each with its provider's purges. Those of earlier
    /// configurations are among them: a request that began with one may still be in flight.
    fn marks(&self, selector: &Selector) -> Vec<Marked> {
        let slots = self.slots.all();
        let selected = slots.iter().filter(|slot| selector.may_mean(slot.name()));
        let marks = |slot: &Arc<ProviderSlot>| {
            let purges = Arc::clone(&slot.purges);
            marks_at(slot, &selector.target).map(move |mark| (Arc::clone(&purges), mark))
        };
        selected.flat_map(marks).collect()
    }
}

fn marks_at(slot: &ProviderSlot, target: &Target) -> impl Iterator<Item = Mark> + use<> {
    let keys = &slot.keys;
    let (one, other) = match target {
        Target::Token(token) => (Mark::Key(keys.key(&Subject::Token(token.clone()))), None),
        Target::Record { id, provider: _ } => (
            Mark::Key(keys.key(&Subject::Id(id.clone()))),
            Some(Mark::Record(keys.tag(id.as_str()))),
        ),
        Target::Subject(subject) => (Mark::Subject(keys.tag(subject)), None),
        Target::Client(client) => (Mark::Client(keys.tag(client)), None),
        Target::Provider(_) | Target::All => (Mark::Everything, None),
    };
    std::iter::once(one).chain(other)
}
