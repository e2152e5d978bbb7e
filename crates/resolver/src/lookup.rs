use introspectd_core::{Count, PerThread};

/// Result of a cache lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Fresh fact.
    Hit,
    /// None, and another request of the same was in flight.
    Coalesced,
    /// Fact past its freshness, which stood in for a provider that failed.
    Stale,
    /// None.
    Absent,
    /// Fact past its freshness.
    Expired,
    /// Fact that a purge refuses.
    Purged,
}

impl Lookup {
    /// All results, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Hit,
        Self::Coalesced,
        Self::Stale,
        Self::Absent,
        Self::Expired,
        Self::Purged,
    ];

    /// Returns the word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Coalesced => "coalesced",
            Self::Stale => "stale",
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Purged => "purged",
        }
    }
}

/// Cache lookups for one provider, by result.
#[derive(Debug, Default)]
pub struct Lookups(PerThread<[Count; Lookup::ALL.len()]>);

impl Lookups {
    #[inline]
    pub(crate) fn count(&self, result: Lookup) {
        if let Some(count) = self.0.here().get(result as usize) {
            count.add(1);
        }
    }

    /// Returns the number of lookups with a result.
    pub fn total(&self, result: Lookup) -> u64 {
        self.0
            .sum(|counts| counts.get(result as usize).map_or(0, Count::get))
    }
}

/// Lookup that is counted once it is over, or its caller left.
pub(crate) struct Counted<'a> {
    pub(crate) lookups: &'a Lookups,
    pub(crate) result: Lookup,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.lookups.count(self.result);
    }
}
