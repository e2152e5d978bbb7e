//! Measured values, round by round, and faults that void them.

use std::collections::BTreeMap;

use crate::subject::Subject;

/// Load on a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// Cached hits on so many tokens.
    Hits(u64),
    /// The same, from a client that builds each request when it sends it, so that a million of them
    /// fit.
    Wide(u64),
    /// Cached hits at a fixed arrival rate.
    Paced,
    /// The same on a cache of 120,000 tokens, beside this.
    Beside(Disturbance),
    /// Uncached tokens of one provider at a fixed arrival rate, beside this.
    Neighbour(Disturbance),
    /// CPU time of one of these, in microseconds.
    Cost(Disturbance),
    /// Time of a scrape of the metrics, in milliseconds: each, and the longest.
    Scrape,
    LongestScrape,
    /// Requests that were lost or refused beside reloads.
    ReloadFailed,
    /// Requests to a provider in an outage, for each of ours: with a breaker, and without.
    OutageAsked,
    OutageAskedUnbroken,
    /// Time of an answer while the breaker is open, in microseconds: for an uncached token, and
    /// for a stale one.
    BreakerUncached,
    BreakerStale,
    /// Wrong secrets that were answered, each second.
    Flooded,
    /// Log lines that they made, each second.
    FloodLines,
    /// Cached hits on a thousand tokens at `/forward-auth`.
    ForwardAuth,
    /// Cached hits on a thousand tokens, over TLS.
    Tls,
    /// Cached hits on one token, over gRPC.
    Grpc,
    /// Cached hits on a thousand tokens, as JSON, and signed by Ed25519.
    Unsigned,
    Signed,
    /// Signature by Ed25519 alone of what an answer has, in microseconds.
    Signature,
    /// Every token is new.
    Misses,
    /// A cache that is full: hits only, a tenth new tokens, new tokens only.
    FullHits,
    FullMixed,
    FullMisses,
    /// The growth over so many cached tokens, for each of them.
    Growth(u64),
    /// The growth until the cache is full.
    FullGrowth,
    /// The growth over providers that are described, for each of them, in MiB.
    Described,
    HerdCalls,
    HerdLast,
    DownCached,
    DownEnded,
    DownUncached,
    Idle,
    /// Resident memory of each idle connection, in KiB.
    IdleConnection,
    Start,
    /// CPU time of a decision about a token that is bound to a key, in microseconds, and of what it
    /// has to take at least: a plain decision and one bare verification.
    Bound,
    BoundAtLeast,
    /// Reads of a cache alone that holds so many entries, in nanoseconds each.
    Get(u64),
    /// Hits on so many tokens, of bare hyper with a cache.
    InHyper(u64),
    /// Memory of an entry of a cache alone, in bytes.
    Entry,
    /// Cached hits on a thousand tokens, of a server with these tiers.
    TierHits(Tiers),
    /// Tokens that are new to all, of three servers with these tiers.
    TierMisses(Tiers),
    /// The same, of a provider that takes 80 ms.
    SlowMisses(Tiers),
    /// Lookup of a fact in Redis, in microseconds, and a GET of the same bytes by the same client.
    SecondTier,
    RawGet,
    /// Latency of a hit in the second tier beyond that of one in the first, over HTTP, in
    /// microseconds.
    SecondTierHttp,
    /// Time from the answer to a revocation at one replica to the refusal at another, in
    /// milliseconds; and the median from the request to revoke.
    SpreadMedian,
    SpreadP99,
    SpreadWhole,
    /// Requests to the authority about tokens that were fresh when all replicas restarted.
    Restarted,
    /// Memory of Redis for each fact, in bytes.
    RedisBytes,
    /// CPU time of a request about a JWT that was not seen before, and of the verification of the
    /// same token by ring alone, in microseconds.
    FirstSight(Signature),
    BareVerification(Signature),
    /// CPU time of a hit on a JWT, and on an opaque token of the same length, in microseconds.
    JwtHit,
    LongHit,
    /// Fetches of keys in the 10 s of made-up key ids.
    KeyFetches,
}

/// Algorithm of a JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signature {
    Es256,
    Rs256,
}

impl Signature {
    pub(crate) const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// Caches of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tiers {
    /// Cache of the process.
    One,
    /// Cache of the process, and one in Redis that all replicas share.
    Two,
}

/// Something else that happens while hits are measured at a fixed rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Disturbance {
    /// Nothing, as the yardstick of those that revoke.
    Quiet,
    /// Revocations by token id.
    Revocations,
    /// Purges by subject.
    Purges,
    /// Nothing, as the yardstick of those that flood.
    QuietBeforeFlood,
    /// Wrong secrets, sent to bare hyper: what they cost by sharing the machine alone.
    FloodElsewhere,
    /// Flood of wrong secrets.
    Flood,
    /// Nothing, as the yardstick of another provider's faults.
    QuietBeforeFault,
    /// Another provider answers nothing, with 10,000 requests about its tokens in flight.
    Hang,
    /// Another provider answers a byte at a time.
    Drip,
    /// Another provider's answers are as large as they may be.
    Swell,
    /// Nothing, as the yardstick of scrapes.
    QuietBeforeScrape,
    /// Scrapes of the metrics.
    Scrape,
    /// Nothing, as the yardstick of reloads.
    QuietBeforeReload,
    /// A reload of a changed configuration each second.
    Reload,
    /// Nothing, as the yardstick of made-up key ids.
    QuietBeforeMadeUpKeys,
    /// JWTs with key ids that nobody has.
    MadeUpKeys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// User and system time, in microseconds for each request.
    Cpu,
    /// Rate of requests, a second.
    Rate,
    /// Median latency, in microseconds.
    Median,
    P99,
    /// The one thing that there is to measure, in the unit of its figure.
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) Subject, pub(crate) Load, pub(crate) Metric);

/// All measured values and faults.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    rounds: BTreeMap<Key, Vec<f64>>,
    faults: BTreeMap<(Subject, Load), String>,
}

impl Ledger {
    pub(crate) fn add(&mut self, key: Key, value: f64) {
        self.rounds.entry(key).or_default().push(value);
    }

    /// Records a value of introspectd.
    pub(crate) fn note(&mut self, load: Load, value: f64) {
        self.add(Key(Subject::Introspectd, load, Metric::Value), value);
    }

    /// Makes void whatever is computed from this. The first reason stays.
    pub(crate) fn fault(&mut self, subject: Subject, load: Load, why: impl Into<String>) {
        self.faults
            .entry((subject, load))
            .or_insert_with(|| why.into());
    }

    /// The rounds, none if it was not measured; or why they are void.
    pub(crate) fn rounds(&self, key: Key) -> Result<&[f64], &str> {
        let Key(subject, load, _) = key;
        match self.faults.get(&(subject, load)) {
            Some(why) => Err(why),
            None => Ok(self.rounds.get(&key).map(Vec::as_slice).unwrap_or_default()),
        }
    }

    /// Subjects and loads without faults.
    pub(crate) fn driven(&self) -> impl Iterator<Item = (Load, Subject)> {
        let rates = self
            .rounds
            .keys()
            .filter(|Key(_, _, metric)| *metric == Metric::Rate);
        let mut driven: Vec<_> = rates
            .map(|Key(subject, load, _)| (*load, *subject))
            .collect();
        driven.retain(|(load, subject)| !self.faults.contains_key(&(*subject, *load)));
        driven.sort();
        driven.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_voids_all_rounds() {
        let mut ledger = Ledger::default();
        let key = Key(Subject::Lua, Load::Hits(1), Metric::Cpu);
        assert_eq!(ledger.rounds(key), Ok(&[][..]));
        ledger.add(key, 1.0);
        ledger.add(key, 2.0);
        assert_eq!(ledger.rounds(key), Ok(&[1.0, 2.0][..]));
        ledger.fault(Subject::Lua, Load::Hits(1), "first");
        ledger.fault(Subject::Lua, Load::Hits(1), "second");
        assert_eq!(ledger.rounds(key), Err("first"));
        assert_eq!(
            ledger.rounds(Key(Subject::Lua, Load::Hits(2), Metric::Cpu)),
            Ok(&[][..])
        );
    }
}
