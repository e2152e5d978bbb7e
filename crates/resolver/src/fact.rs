use std::borrow::Cow;
use std::time::Duration;

use introspectd_core::{Introspection, ProviderName, State, Timestamp, Token, Validity};

/// Answer of one provider about one token.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<K> {
    /// Record of the token; `None` if the provider has none, or reported only that it is inactive.
    pub record: Option<Record<K>>,
}

/// Kept part of a provider's record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<K> {
    /// Inputs of the decision if the token is active, judged at each use.
    pub validity: Validity,
    /// Embedder's part.
    pub kept: K,
}

/// Embedder's part of a token's record.
///
/// It should be small, since a cache holds millions, and ready for use, since each hit gets a
/// clone.
pub trait Keep: Clone + Send + Sync + 'static {
    /// Makes the part, once for each answer.
    fn keep(provider: &ProviderName, token: Token) -> Self;

    /// Returns the claims by which purges and revocations know the record, as far as they are kept.
    fn names(&self) -> Names<'_> {
        Names::default()
    }

    /// Writes the part for other replicas; `None` if it is not shared.
    fn write(&self) -> Option<Vec<u8>> {
        None
    }

    /// Reads what another replica wrote.
    fn read(_: &[u8]) -> Option<Self> {
        None
    }

    /// Approximate heap size in bytes, without its own.
    fn size(&self) -> usize;
}

/// Claims by which purges and revocations know a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// Id of the record.
    pub jti: Option<Cow<'a, str>>,
    /// Subject.
    pub sub: Option<Cow<'a, str>>,
    /// Client.
    pub client_id: Option<Cow<'a, str>>,
}

/// Keeps the whole record.
impl Keep for Token {
    fn keep(_: &ProviderName, token: Token) -> Self {
        token
    }

    fn names(&self) -> Names<'_> {
        Names {
            jti: self.jti.as_deref().map(Cow::Borrowed),
            sub: self.sub.as_deref().map(Cow::Borrowed),
            client_id: self.client_id.as_deref().map(Cow::Borrowed),
        }
    }

    fn size(&self) -> usize {
        self.size().saturating_sub(size_of::<Self>())
    }
}

/// Fact of a token, and its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution<'a, K> {
    /// Provider and its fact. `None` if the token is routed to no provider that may be asked.
    pub fact: Option<(&'a ProviderName, Fact<K>)>,
    /// Source of the fact.
    pub source: Source,
    /// Rest of the time for which the fact is used without a request; zero if it is stale, or not
    /// cached.
    pub fresh_for: Duration,
}

/// Source of a fact, in order of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Cache.
    Hit,
    /// Another caller's request, already in flight.
    Coalesced,
    /// Request of its own, or no provider at all.
    Miss,
    /// Cache entry past its freshness, since the provider failed.
    Stale,
}

impl<K: Keep> Fact<K> {
    pub(crate) fn new(provider: &ProviderName, introspection: Introspection) -> Self {
        let record = match introspection {
            Introspection::Token(token) => {
                let validity = token.validity();
                Some(Record {
                    validity,
                    kept: K::keep(provider, *token),
                })
            }
            Introspection::Inactive => None,
        };
        Self { record }
    }
}

impl<K> Fact<K> {
    /// Returns the kept part if the token is active at `now`.
    pub fn active(&self, now: Timestamp) -> Option<&K> {
        let record = self.record.as_ref()?;
        (record.validity.state(now) == State::Active).then_some(&record.kept)
    }
}

impl<K> Resolution<'_, K> {
    /// Resolution of a token that is routed to no provider that may be asked.
    pub const UNROUTED: Self = Self {
        fact: None,
        source: Source::Miss,
        fresh_for: Duration::ZERO,
    };

    /// Returns true if a provider has a record of the token, active or not.
    pub fn has_record(&self) -> bool {
        self.fact
            .as_ref()
            .is_some_and(|(_, fact)| fact.record.is_some())
    }

    /// Returns the time until the end of the token's life; zero if it is over, or there is none.
    pub fn life_left(&self, now: Timestamp) -> Duration {
        let record = self
            .fact
            .as_ref()
            .and_then(|(_, fact)| fact.record.as_ref());
        record.map_or(Duration::ZERO, |record| match record.validity.exp() {
            None => Duration::MAX,
            Some(end) => now.until(end).unwrap_or_default(),
        })
    }

    /// Returns the provider and the kept part if the token is active at `now`.
    pub fn active(&self, now: Timestamp) -> Option<(&ProviderName, &K)> {
        let (provider, fact) = self.fact.as_ref()?;
        Some((provider, fact.active(now)?))
    }

    /// Returns the kept part if the token is active at `now`.
    ///
    /// # Errors
    /// The resolution itself if it is not.
    pub fn into_active(self, now: Timestamp) -> Result<K, Self> {
        match self.fact {
            Some((
                _,
                Fact {
                    record: Some(record),
                },
            )) if record.validity.state(now) == State::Active => Ok(record.kept),
            fact => Err(Self { fact, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{Expiry, Status};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn resolution(provider: &ProviderName, status: Status) -> Resolution<'_, u8> {
        let validity = Validity {
            status,
            expiry: Expiry::At(at(100)),
            nbf: Some(at(10)),
        };
        let record = Some(Record { validity, kept: 7 });
        Resolution {
            fact: Some((provider, Fact { record })),
            source: Source::Hit,
            fresh_for: Duration::ZERO,
        }
    }

    #[test]
    fn only_an_active_token_s_part_is_given_away() {
        let provider = ProviderName::parse("bank").unwrap();
        for (status, seconds, expected) in [
            (Status::Good, 9, None),
            (Status::Good, 10, Some(7)),
            (Status::Good, 99, Some(7)),
            (Status::Good, 100, None),
            (Status::Revoked, 50, None),
            (Status::RevokedHere, 50, None),
            (Status::Expired, 50, None),
            (Status::Unknown, 50, None),
        ] {
            let found = resolution(&provider, status);
            let active = found.active(at(seconds)).map(|(_, kept)| *kept);
            assert_eq!(active, expected, "{status:?} at {seconds}");
            assert!(found.has_record());
            let taken = found.clone().into_active(at(seconds));
            assert_eq!(
                taken.as_ref().ok().copied(),
                expected,
                "{status:?} at {seconds}"
            );
            if expected.is_none() {
                assert_eq!(taken, Err(found));
            }
        }
        assert!(!Resolution::<u8>::UNROUTED.has_record());
        assert!(Resolution::<u8>::UNROUTED.into_active(at(50)).is_err());
    }
}
