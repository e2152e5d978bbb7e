use std::io;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Clock;
use introspectd_fleet::{Down, Fleet};
use introspectd_keys::Key;
use moka::sync::Cache;

/// Messages that were acted upon, by what names them, so that one that is sent again is not acted
/// upon again: neither here nor, in a fleet, at another replica.
///
/// One that is dropped from here is acted upon again, which costs a purge.
pub(crate) struct Seen {
    key: Key,
    /// Time by [`Clock::elapsed`] until which each is known.
    known: Cache<[u8; 16], Duration>,
    clock: Arc<dyn Clock>,
    fleet: Option<Arc<Fleet>>,
}

/// Time for which a message is known. A transmitter sends again what it has no answer to, within
/// hours.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Most messages that are known.
const MAX: u64 = 100_000;

impl Seen {
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn new(clock: Arc<dyn Clock>, fleet: Option<Arc<Fleet>>) -> io::Result<Self> {
        let known = Cache::builder().max_capacity(MAX).time_to_live(LIFE);
        Ok(Self {
            key: Key::random()?,
            known: known
                .eviction_policy(moka::policy::EvictionPolicy::lru())
                .build(),
            clock,
            fleet,
        })
    }

    /// Returns true if the message of this name was acted upon.
    pub(crate) async fn knows(&self, name: &[&str]) -> bool {
        let end = self.known.get(&self.hash(name));
        if end.is_some_and(|end| self.clock.elapsed() < end) {
            return true;
        }
        let Some(fleet) = &self.fleet else {
            return false;
        };
        // Whether it can be acted upon without the store, the purge will show.
        fleet.has_seen(name).await.unwrap_or(false)
    }

    /// Notes that the message of this name was acted upon.
    pub(crate) async fn note(&self, name: &[&str]) {
        self.known
            .insert(self.hash(name), self.clock.elapsed() + LIFE);
        if let Some(fleet) = &self.fleet
            && let Err(Down(reason)) = fleet.note_seen(name, LIFE).await
        {
            tracing::debug!(%reason, "cannot tell other replicas which message is done with");
        }
    }

    fn hash(&self, name: &[&str]) -> [u8; 16] {
        let parts = name.iter();
        let parts = parts.fold(self.key.parts(), |parts, part| parts.field(part.as_bytes()));
        parts.end().truncated()
    }
}
