use std::sync::Arc;

use introspectd_core::{Introspection, ProviderName, Timestamp, Token};

/// What one provider said about one token.
#[derive(Debug, PartialEq)]
pub struct Fact {
    /// Who said it.
    pub provider: ProviderName,
    /// What was said.
    pub introspection: Introspection,
}

/// What is known of a token, and where from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// `None` where the token belongs to no provider that may be asked.
    pub fact: Option<Arc<Fact>>,
    /// Where the fact comes from.
    pub source: Source,
}

/// Where a fact comes from, in the order of what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The cache.
    Hit,
    /// A question that another request had under way.
    Coalesced,
    /// A question of this request's own, or no provider at all.
    Miss,
    /// The cache, past the reuse that was meant, since the provider is out of order.
    Stale,
}

impl Resolution {
    /// A token that belongs to no provider that may be asked.
    pub const NOBODY: Self = Self { fact: None, source: Source::Miss };

    /// Who vouches for the token, and its record, if it is active at `now`.
    pub fn active(&self, now: Timestamp) -> Option<(&ProviderName, &Token)> {
        let fact = self.fact.as_ref()?;
        Some((&fact.provider, fact.introspection.active(now)?))
    }
}
