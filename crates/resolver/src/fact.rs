use std::borrow::Cow;

use introspectd_core::{Introspection, ProviderName, State, Timestamp, Token, Validity};

/// What one provider said about one token.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<K> {
    /// Its record of the token; `None` where it has none, or said no more than that it is not active.
    pub record: Option<Record<K>>,
}

/// A record of a token, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<K> {
    /// What decides whether the token is active, judged at each use.
    pub validity: Validity,
    /// The rest.
    pub kept: K,
}

/// What an embedder keeps of a token's record: as little as its answers are made of, since a cache holds
/// millions, and as ready, since a hit is to cost next to nothing: each gets a clone.
pub trait Keep: Clone + Send + Sync + 'static {
    /// Made once, when the provider has answered.
    fn keep(provider: &ProviderName, token: Token) -> Self;

    /// `jti` of the record, where it is kept. Read when a token is revoked, so that lists can show it.
    fn jti(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Bytes on the heap, about, beside its own.
    fn size(&self) -> usize;
}

/// All of it, for an embedder that wants to look for itself.
impl Keep for Token {
    fn keep(_: &ProviderName, token: Token) -> Self {
        token
    }

    fn jti(&self) -> Option<Cow<'_, str>> {
        self.jti.as_deref().map(Cow::Borrowed)
    }

    fn size(&self) -> usize {
        self.size().saturating_sub(size_of::<Self>())
    }
}

/// What is known of a token, and where from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution<'a, K> {
    /// With who said it. `None` where the token belongs to no provider that may be asked.
    pub fact: Option<(&'a ProviderName, Fact<K>)>,
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

impl<K: Keep> Fact<K> {
    pub(crate) fn new(provider: &ProviderName, introspection: Introspection) -> Self {
        let record = match introspection {
            Introspection::Token(token) => {
                let validity = token.validity();
                Some(Record { validity, kept: K::keep(provider, *token) })
            }
            Introspection::Inactive => None,
        };
        Self { record }
    }
}

impl<K> Fact<K> {
    /// What is kept of the token, if it is active at `now`.
    pub fn active(&self, now: Timestamp) -> Option<&K> {
        let record = self.record.as_ref()?;
        (record.validity.state(now) == State::Active).then_some(&record.kept)
    }
}

impl<K> Resolution<'_, K> {
    /// A token that belongs to no provider that may be asked.
    pub const NOBODY: Self = Self { fact: None, source: Source::Miss };

    /// Whether a provider has a record of it, active or not.
    pub fn has_record(&self) -> bool {
        self.fact.as_ref().is_some_and(|(_, fact)| fact.record.is_some())
    }

    /// Who vouches for the token, and what is kept of it, if it is active at `now`.
    pub fn active(&self, now: Timestamp) -> Option<(&ProviderName, &K)> {
        let (provider, fact) = self.fact.as_ref()?;
        Some((provider, fact.active(now)?))
    }

    /// What is kept of the token, if it is active at `now`.
    ///
    /// # Errors
    /// The resolution itself, if it is not.
    pub fn into_active(self, now: Timestamp) -> Result<K, Self> {
        match self.fact {
            Some((_, Fact { record: Some(record) })) if record.validity.state(now) == State::Active => {
                Ok(record.kept)
            }
            fact => Err(Self { fact, ..self }),
        }
    }
}
