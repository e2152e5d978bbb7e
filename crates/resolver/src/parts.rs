//! What a hit is made of here, for benchmarks alone.

use std::sync::Arc;

use introspectd_core::{Clock, ProviderName, Token, TokenValue};

use crate::cache::{Cached, FactCache};
use crate::fact::{Fact, Keep};
use crate::key::{KeyMaker, Subject};
use crate::limits::CacheLimits;
use crate::purge_log::ProviderPurges;
use crate::stamp::{Stamp, Tags};

/// A key maker and a cache.
pub struct Parts<K> {
    keys: KeyMaker,
    cache: FactCache<K>,
    clock: Arc<dyn Clock>,
    purges: ProviderPurges,
}

/// What was asked about.
pub struct Question(Subject);

/// What an entry is kept under.
pub struct Key(crate::key::Key);

impl<K: Keep> Parts<K> {
    /// Empty.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new(limits: CacheLimits, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let keys = KeyMaker::random().map_err(std::io::Error::other)?;
        let cache = FactCache::new(limits, Arc::clone(&clock));
        Ok(Self { keys, cache, clock, purges: ProviderPurges::default() })
    }

    /// The key of a question.
    pub fn key(&self, question: &Question) -> Key {
        Key(self.keys.key(&question.0))
    }

    /// Keeps what a provider answered.
    pub fn put(&self, key: &Key, provider: &ProviderName, token: Token) {
        let stamp = Stamp { number: 0, place: 0, tags: Tags::of(&token, &self.keys) };
        let fact = Fact::new(provider, introspectd_core::Introspection::Token(Box::new(token)));
        self.cache.put(key.0, fact, stamp, self.clock.elapsed());
    }

    /// What is kept and may be used without asking.
    pub fn get(&self, key: &Key) -> Option<Fact<K>> {
        match self.cache.get(&key.0, &self.purges) {
            Cached::Fresh(fact) => Some(fact),
            Cached::Stale(_) | Cached::Nothing => None,
        }
    }
}

impl Question {
    /// About this token.
    pub fn about(token: TokenValue) -> Self {
        Self(Subject::Token(token))
    }
}
