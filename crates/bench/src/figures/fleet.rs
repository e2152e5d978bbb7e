use super::Reach::{AtLeast, AtMost};
use super::row::{information, one, plain, times};
use super::{Figure, Unit, Value, own};
use crate::group::Group;
use crate::ledger::Metric::{Cpu, Median, Rate};
use crate::ledger::{Load, Tiers};

/// Figures of replicas that share facts in Redis.
pub(super) const FIGURES: &[Figure] = &[
    times(
        Group::Fleet,
        "hit, 1,000 tokens: CPU with [cache.shared] to without",
        AtMost(1.03),
        Value::Ratio(
            own(Load::TierHits(Tiers::Two), Cpu),
            own(Load::TierHits(Tiers::One), Cpu),
        ),
    ),
    times(
        Group::Fleet,
        "hit in Redis: p50 of the lookup to a GET of the same bytes",
        AtMost(1.50),
        Value::Ratio(own(Load::SecondTier, Median), own(Load::RawGet, Median)),
    ),
    information(
        Group::Fleet,
        "the same GET: p50",
        Unit::Microseconds,
        Value::Plain(own(Load::RawGet, Median)),
    ),
    information(
        Group::Fleet,
        "hit in Redis over HTTP: p50 beyond a hit in the process",
        Unit::Microseconds,
        plain(Load::SecondTierHttp),
    ),
    one(
        Group::Fleet,
        "revocation at one replica to refusal at another: p50",
        5.0,
        Unit::Milliseconds,
        Load::SpreadMedian,
    ),
    one(
        Group::Fleet,
        "the same: p99",
        50.0,
        Unit::Milliseconds,
        Load::SpreadP99,
    ),
    information(
        Group::Fleet,
        "the same, from the request to revoke: p50",
        Unit::Milliseconds,
        plain(Load::SpreadWhole),
    ),
    one(
        Group::Fleet,
        "3 replicas restart, 100,000 fresh tokens: upstream calls",
        0.0,
        Unit::Calls,
        Load::Restarted,
    ),
    times(
        Group::Fleet,
        "misses/s of 3 replicas: with Redis to without",
        AtLeast(0.80),
        Value::Ratio(
            own(Load::TierMisses(Tiers::Two), Rate),
            own(Load::TierMisses(Tiers::One), Rate),
        ),
    ),
    information(
        Group::Fleet,
        "the same, of a provider that takes 80 ms",
        Unit::Times,
        Value::Ratio(
            own(Load::SlowMisses(Tiers::Two), Rate),
            own(Load::SlowMisses(Tiers::One), Rate),
        ),
    ),
    one(
        Group::Fleet,
        "memory of Redis for each of 100,000 tokens",
        900.0,
        Unit::Bytes,
        Load::RedisBytes,
    ),
];
