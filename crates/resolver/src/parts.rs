//! Parts of a hit, for benchmarks and simulations alone.

use std::sync::Arc;

use introspectd_core::{Clock, ProviderName, Token, TokenValue};
use introspectd_fleet::{Digests, Hearing};

use crate::cache::{Cached, FactCache, PoolStatus};
use crate::fact::{Fact, Keep};
use crate::key::{KeyMaker, Subject};
use crate::limits::{CacheLimits, CacheTimes};
use crate::purge_log::ProviderPurges;
use crate::stamp::{Stamp, Tags};

/// Key maker and cache.
pub struct Parts<K> {
    keys: KeyMaker,
    cache: FactCache<K>,
    clock: Arc<dyn Clock>,
    purges: ProviderPurges,
    times: CacheTimes,
}

/// Subject of a request.
pub struct Question(Subject);

/// Key of an entry.
pub struct Key(crate::key::Key);

impl<K: Keep> Parts<K> {
    /// Creates an empty cache.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn new(limits: CacheLimits, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let keys = KeyMaker::new(Digests::random()?)?;
        Ok(Self::with_keys(keys, limits, clock))
    }

    /// Creates an empty cache whose keys are always the same, so that a simulation repeats itself
    /// and several caches know a token by the same key.
    pub fn repeatable(limits: CacheLimits, clock: Arc<dyn Clock>) -> Self {
        let keys = KeyMaker::repeatable(Digests::derive(b"a simulation"));
        Self::with_keys(keys, limits, clock)
    }

    fn with_keys(keys: KeyMaker, limits: CacheLimits, clock: Arc<dyn Clock>) -> Self {
        let hearing = Arc::new(Hearing::alone());
        Self {
            keys,
            cache: FactCache::new(limits.max_bytes, Arc::clone(&clock), hearing),
            clock,
            purges: ProviderPurges::new(0),
            times: limits.times,
        }
    }

    /// Returns the key of a subject.
    pub fn key(&self, question: &Question) -> Key {
        Key(self.keys.key(&question.0))
    }

    /// Inserts a fact.
    pub fn put(&self, key: &Key, provider: &ProviderName, token: Token) {
        let stamp = Stamp {
            number: 0,
            slot: 0,
            tags: Tags::of(&token, &self.keys),
        };
        let fact = Fact::new(
            provider,
            introspectd_core::Introspection::Token(Box::new(token)),
        );
        let now = self.clock.elapsed();
        self.cache.put(key.0, fact, stamp, now, &self.times);
    }

    /// Returns a fresh fact.
    pub fn get(&self, key: &Key) -> Option<Fact<K>> {
        match self.cache.get(&key.0, &self.purges) {
            Cached::Fresh(fact, _) => Some(fact),
            Cached::Stale(_) | Cached::Nothing(_) => None,
        }
    }

    /// Content of the pool of active facts.
    pub fn active(&self) -> PoolStatus {
        let [active, _] = self.cache.pools();
        active
    }
}

impl Question {
    /// Creates the subject of a token.
    pub fn about(token: TokenValue) -> Self {
        Self(Subject::Token(token))
    }
}
