use std::sync::Arc;

use introspectd_core::{ProviderName, TokenId, TokenValue};

use crate::fact::Keep;
use crate::flight::Meant;
use crate::key::{Key, Subject};
use crate::resolver::Resolver;

/// Each of these promises that after it returns no request is served from what was purged: what is cached is taken
/// out, and a question that was asked before is judged when it is answered. A fact that is meant reaches neither the
/// cache nor those who wait for it; these ask anew. How many facts were taken out of the cache is told.
impl<K: Keep> Resolver<K> {
    /// Forgets what is known of this token, whichever provider said it.
    pub fn purge_token(&self, token: &TokenValue) -> usize {
        let subject = Subject::Token(token.clone());
        self.purge_keys(&self.keys_of(&subject).collect::<Vec<_>>())
    }

    /// Forgets the provider's record with this id.
    pub fn purge_id(&self, id: &TokenId, provider: &ProviderName) -> usize {
        let subject = Subject::Id(id.clone());
        let key = self.named(provider.as_str()).map(|(_, asked)| asked.keys.key(&subject));
        self.purge_keys(key.as_slice())
    }

    /// Forgets the facts of which `is_meant` holds, in a time that grows with the cache. It is asked while other
    /// requests may wait, so it should be quick. Facts without a record, of tokens that no provider knows, go in any
    /// case: nobody can tell what they would be about.
    pub fn purge(&self, is_meant: impl Fn(&K) -> bool + Send + Sync + 'static) -> usize {
        let meant: Meant<K> =
            Arc::new(move |fact| fact.record.as_ref().is_none_or(|record| is_meant(&record.kept)));
        self.flights.purge(|_| true, &meant);
        self.cache.remove_where(|fact| meant(fact))
    }

    fn purge_keys(&self, keys: &[Key]) -> usize {
        let all: Meant<K> = Arc::new(|_| true);
        self.flights.purge(|key| keys.contains(key), &all);
        keys.iter().filter(|key| self.cache.remove(key)).count()
    }
}
