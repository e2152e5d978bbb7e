use super::Reach::{AtLeast, AtMost};
use super::{Figure, Reach, Unit, Value, own};
use crate::group::Group;
use crate::ledger::Load::{self, Growth, Hits, Wide};
use crate::ledger::Metric::{self, Cpu, P99, Rate};
use crate::ledger::{Disturbance, Key};
use crate::subject::Subject::{
    self, Floor, Lua, Mirror, Moka, Njs, OpenFileCache, ProxyCache, QuickCache, Tonic,
};

const fn ratio(load: Load, metric: Metric, to: Subject) -> Value {
    Value::Ratio(own(load, metric), Key(to, load, metric))
}

const fn plain(load: Load) -> Value {
    Value::Plain(own(load, Metric::Value))
}

const fn times(group: Group, name: &'static str, reach: Reach, value: Value) -> Figure {
    Figure {
        group,
        name,
        reach,
        unit: Unit::Times,
        value,
    }
}

const fn one(group: Group, name: &'static str, reach: f64, unit: Unit, load: Load) -> Figure {
    Figure {
        group,
        name,
        reach: AtMost(reach),
        unit,
        value: plain(load),
    }
}

const fn beside(disturbance: Disturbance, quiet: Disturbance) -> Value {
    Value::Ratio(
        own(Load::Beside(disturbance), P99),
        own(Load::Beside(quiet), P99),
    )
}

const fn information(group: Group, name: &'static str, unit: Unit, value: Value) -> Figure {
    Figure {
        group,
        name,
        reach: Reach::Open,
        unit,
        value,
    }
}

const fn alone(load: Load) -> Value {
    Value::Ratio(
        Key(Moka, load, Metric::Value),
        Key(QuickCache, load, Metric::Value),
    )
}

const fn in_hyper(count: u64) -> Value {
    let load = Load::InHyper(count);
    Value::Ratio(Key(Moka, load, Cpu), Key(QuickCache, load, Cpu))
}

/// All of them, in the order of the table.
pub(crate) const FIGURES: &[Figure] = &[
    times(
        Group::Hits,
        "hit, 1 token: CPU to bare hyper",
        AtMost(1.10),
        ratio(Hits(1), Cpu, Floor),
    ),
    times(
        Group::Hits,
        "hit, 1,000 tokens: CPU to bare hyper",
        AtMost(1.10),
        ratio(Hits(1_000), Cpu, Floor),
    ),
    times(
        Group::Hits,
        "hit, 100,000 tokens: CPU to bare hyper",
        AtMost(1.17),
        ratio(Hits(100_000), Cpu, Floor),
    ),
    times(
        Group::Hits,
        "hit, 1 token: requests/s to bare hyper",
        AtLeast(0.85),
        ratio(Hits(1), Rate, Floor),
    ),
    times(
        Group::Hits,
        "hit, 1,000 tokens: requests/s to bare hyper",
        AtLeast(0.85),
        ratio(Hits(1_000), Rate, Floor),
    ),
    times(
        Group::Hits,
        "hit, 100,000 tokens: requests/s to bare hyper",
        AtLeast(0.85),
        ratio(Hits(100_000), Rate, Floor),
    ),
    times(
        Group::Hits,
        "hit, 1 token: CPU to nginx open_file_cache",
        AtMost(0.85),
        ratio(Hits(1), Cpu, OpenFileCache),
    ),
    times(
        Group::Hits,
        "hit, 1,000 tokens: CPU to nginx Lua",
        AtMost(0.80),
        ratio(Hits(1_000), Cpu, Lua),
    ),
    times(
        Group::Hits,
        "hit, 100,000 tokens: CPU to nginx proxy_cache",
        AtMost(0.50),
        ratio(Hits(100_000), Cpu, ProxyCache),
    ),
    times(
        Group::Million,
        "hit, 1,000,000 tokens: CPU to 1,000 tokens",
        AtMost(1.25),
        Value::Ratio(own(Wide(1_000_000), Cpu), own(Wide(1_000), Cpu)),
    ),
    times(
        Group::Latency,
        "p99 at a fixed rate, 100,000 tokens: to the best nginx",
        AtMost(1.00),
        Value::ToLeast(
            own(Load::Paced, P99),
            [
                Key(ProxyCache, Load::Paced, P99),
                Key(OpenFileCache, Load::Paced, P99),
                Key(Lua, Load::Paced, P99),
            ],
        ),
    ),
    one(
        Group::Memory,
        "memory for each of 100,000 tokens",
        650.0,
        Unit::Bytes,
        Growth(100_000),
    ),
    one(
        Group::Memory,
        "memory for each of 1,000,000 tokens",
        650.0,
        Unit::Bytes,
        Growth(1_000_000),
    ),
    times(
        Group::Memory,
        "the same: 1,000,000 tokens to 100,000",
        AtMost(1.10),
        Value::Ratio(
            own(Growth(1_000_000), Metric::Value),
            own(Growth(100_000), Metric::Value),
        ),
    ),
    one(
        Group::Memory,
        "full cache: growth to max_bytes",
        1.15,
        Unit::Times,
        Load::FullGrowth,
    ),
    times(
        Group::Misses,
        "miss: requests/s to nginx proxy_cache",
        AtLeast(1.00),
        ratio(Load::Misses, Rate, ProxyCache),
    ),
    times(
        Group::Misses,
        "miss: CPU to nginx proxy_cache",
        AtMost(1.00),
        ratio(Load::Misses, Cpu, ProxyCache),
    ),
    one(
        Group::Herd,
        "200 ask for one uncached token: upstream calls",
        1.0,
        Unit::Calls,
        Load::HerdCalls,
    ),
    one(
        Group::Herd,
        "the same: last answer after the provider's 200 ms",
        15.0,
        Unit::Milliseconds,
        Load::HerdLast,
    ),
    Figure {
        group: Group::Down,
        name: "provider down: cached token answered until its exp",
        reach: AtLeast(1.0),
        unit: Unit::Share,
        value: plain(Load::DownCached),
    },
    one(
        Group::Down,
        "provider down: cached token called active after its exp",
        0.0,
        Unit::Share,
        Load::DownEnded,
    ),
    one(
        Group::Down,
        "provider down: 502 or 503 for an uncached token",
        10.0,
        Unit::Milliseconds,
        Load::DownUncached,
    ),
    times(
        Group::Eviction,
        "full cache: a hit among 10 % new tokens to none",
        AtMost(1.30),
        Value::HitAmongMisses,
    ),
    one(
        Group::Start,
        "idle memory (resident)",
        15.0,
        Unit::Mebibytes,
        Load::Idle,
    ),
    one(
        Group::Start,
        "start to first answer",
        50.0,
        Unit::Milliseconds,
        Load::Start,
    ),
    times(
        Group::ForwardAuth,
        "/forward-auth hit: CPU to nginx njs auth_request",
        AtMost(0.40),
        ratio(Load::ForwardAuth, Cpu, Njs),
    ),
    times(
        Group::ForwardAuth,
        "/forward-auth hit: CPU to bare hyper with the same headers",
        AtMost(1.30),
        ratio(Load::ForwardAuth, Cpu, Mirror),
    ),
    times(
        Group::Revocation,
        "64 revocations at once among 120,000 tokens: hits' p99 to quiet",
        AtMost(2.00),
        beside(Disturbance::Revocations, Disturbance::Quiet),
    ),
    times(
        Group::Revocation,
        "64 purges by subject at once among 120,000: hits' p99 to quiet",
        AtMost(2.00),
        beside(Disturbance::Purges, Disturbance::Quiet),
    ),
    information(
        Group::Revocation,
        "a revocation among 120,000 tokens: CPU",
        Unit::Microseconds,
        plain(Load::Cost(Disturbance::Revocations)),
    ),
    information(
        Group::Revocation,
        "a purge by subject among 120,000 tokens: CPU",
        Unit::Microseconds,
        plain(Load::Cost(Disturbance::Purges)),
    ),
    one(
        Group::Connections,
        "10,000 idle connections: resident memory of each",
        12.0,
        Unit::Kibibytes,
        Load::IdleConnection,
    ),
    times(
        Group::WrongSecrets,
        "50,000 wrong secrets/s: hits' p99 to quiet",
        AtMost(3.00),
        beside(Disturbance::Flood, Disturbance::QuietBeforeFlood),
    ),
    Figure {
        group: Group::WrongSecrets,
        name: "the same: wrong secrets answered each second",
        reach: AtLeast(50_000.0),
        unit: Unit::PerSecond,
        value: plain(Load::Flooded),
    },
    information(
        Group::WrongSecrets,
        "the same flood at bare hyper beside it: hits' p99 to quiet",
        Unit::Times,
        beside(Disturbance::FloodElsewhere, Disturbance::QuietBeforeFlood),
    ),
    one(
        Group::WrongSecrets,
        "the same: log lines each second",
        1_000.0,
        Unit::PerSecond,
        Load::FloodLines,
    ),
    times(
        Group::Tls,
        "hit over TLS, 1,000 tokens: CPU to bare hyper over TLS",
        AtMost(1.15),
        ratio(Load::Tls, Cpu, Floor),
    ),
    times(
        Group::Grpc,
        "gRPC Check hit, 1 token: CPU to bare tonic",
        AtMost(1.30),
        ratio(Load::Grpc, Cpu, Tonic),
    ),
    information(
        Group::Maps,
        "cache alone, 1 entry: a get of quick_cache",
        Unit::Nanoseconds,
        Value::Plain(Key(QuickCache, Load::Get(1), Metric::Value)),
    ),
    information(
        Group::Maps,
        "cache alone, 1 entry: a get of moka to quick_cache",
        Unit::Times,
        alone(Load::Get(1)),
    ),
    information(
        Group::Maps,
        "cache alone, 1,000 entries: a get of quick_cache",
        Unit::Nanoseconds,
        Value::Plain(Key(QuickCache, Load::Get(1_000), Metric::Value)),
    ),
    information(
        Group::Maps,
        "cache alone, 1,000 entries: a get of moka to quick_cache",
        Unit::Times,
        alone(Load::Get(1_000)),
    ),
    information(
        Group::Maps,
        "cache alone, 100,000 entries: a get of quick_cache",
        Unit::Nanoseconds,
        Value::Plain(Key(QuickCache, Load::Get(100_000), Metric::Value)),
    ),
    information(
        Group::Maps,
        "cache alone, 100,000 entries: a get of moka to quick_cache",
        Unit::Times,
        alone(Load::Get(100_000)),
    ),
    information(
        Group::Maps,
        "hit in bare hyper, 1 token: CPU with moka to quick_cache",
        Unit::Times,
        in_hyper(1),
    ),
    information(
        Group::Maps,
        "hit in bare hyper, 1,000 tokens: CPU with moka to quick_cache",
        Unit::Times,
        in_hyper(1_000),
    ),
    information(
        Group::Maps,
        "hit in bare hyper, 100,000 tokens: CPU with moka to quick_cache",
        Unit::Times,
        in_hyper(100_000),
    ),
    information(
        Group::Maps,
        "cache alone: bytes of an entry, moka to quick_cache",
        Unit::Times,
        alone(Load::Entry),
    ),
];
