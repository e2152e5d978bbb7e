use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use introspectd_core::{ProviderName, Selector, Target, TokenId, TokenValue};

use crate::fact::Keep;
use crate::key::Subject;
use crate::resolver::{Asked, Resolver};
use crate::stamp::Mark;
use crate::sweep::Count;

/// Count of what a purge removed from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Facts that were removed.
    pub count: usize,
    /// Whether more may follow: not all of the cache was looked through in time.
    pub is_estimate: bool,
}

/// The pass that should have counted a purge failed. The purge is in force all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCounted;

/// Each of these promises that after it returns no request is served from what was purged, a late waiter for a
/// question that was asked before included. That takes the same time whatever the cache holds; what is refused is
/// freed in the background.
impl<K: Keep> Resolver<K> {
    /// Purges the facts that are meant.
    pub fn purge(&self, selector: &Selector) {
        let marks = self.marks(selector);
        self.sweeper.purge(&marks);
        self.remove(&marks);
    }

    /// Purges what is known of this token, whichever provider said it.
    pub fn purge_token(&self, token: &TokenValue) {
        self.purge(&Selector::new(Target::Token(token.clone())));
    }

    /// Purges what is known of the provider's record with this id, by its id and by its tokens.
    pub fn purge_id(&self, id: &TokenId, provider: &ProviderName) {
        self.purge(&Selector::new(Target::Record { provider: provider.clone(), id: id.clone() }));
    }

    /// Purges the facts that are meant, at once, and waits at most for `patience` until they are freed and counted. Safe
    /// to drop: the purge is in force when this is first polled.
    ///
    /// # Errors
    /// [`NotCounted`] if they could not be counted.
    pub async fn purge_counted(&self, selector: &Selector, patience: Duration) -> Result<Purged, NotCounted> {
        let marks = self.marks(selector);
        // Before and after: what is named by its key can be counted without a pass, and no pass frees it in between.
        let first = self.remove(&marks);
        if let Target::Token(_) = selector.target {
            self.sweeper.purge(&marks);
            return Ok(Purged { count: first.max(self.remove(&marks)), is_estimate: false });
        }
        let Some(Count { removed, done }) = self.sweeper.purge_counted(marks) else {
            return Ok(Purged { count: first, is_estimate: true });
        };
        let is_estimate = match tokio::time::timeout(patience, done).await {
            Ok(Ok(())) => false,
            Ok(Err(_)) => return Err(NotCounted),
            Err(_) => true,
        };
        Ok(Purged { count: first + removed.load(Relaxed), is_estimate })
    }

    /// Removes at once what is named by its key. How many facts there were.
    fn remove(&self, marks: &[(usize, Mark)]) -> usize {
        let keys = marks.iter().filter_map(|(_, mark)| mark.key());
        keys.filter(|key| self.cache.remove(key)).count()
    }

    /// What is meant at each provider, by its place.
    fn marks(&self, selector: &Selector) -> Vec<(usize, Mark)> {
        let places = self.providers.iter().enumerate();
        let meant = places.filter(|(_, asked)| selector.may_mean(&asked.entry.name));
        meant
            .flat_map(|(place, asked)| marks_at(asked, &selector.target).map(move |mark| (place, mark)))
            .collect()
    }
}

fn marks_at(asked: &Asked, target: &Target) -> impl Iterator<Item = Mark> + use<> {
    let keys = &asked.keys;
    let (one, other) = match target {
        Target::Token(token) => (Mark::Key(keys.key(&Subject::Token(token.clone()))), None),
        Target::Record { id, provider: _ } => {
            (Mark::Key(keys.key(&Subject::Id(id.clone()))), Some(Mark::Record(keys.tag(id.as_str()))))
        }
        Target::Subject(subject) => (Mark::Subject(keys.tag(subject)), None),
        Target::Client(client) => (Mark::Client(keys.tag(client)), None),
        Target::Provider(_) | Target::All => (Mark::Everything, None),
    };
    std::iter::once(one).chain(other)
}
