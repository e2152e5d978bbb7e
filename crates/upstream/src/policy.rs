use std::time::Duration;

use introspectd_settings::Section;

/// Policy of the asks of one provider: how many at once, how many wait, what is asked again, and
/// when it is left in peace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Most concurrent asks.
    pub(crate) max_in_flight: u32,
    /// Most asks that wait for a place; excess fails at once.
    pub(crate) queue: u32,
    /// `None`: off.
    pub(crate) retry: Option<RetryPolicy>,
    /// `None`: off.
    pub(crate) breaker: Option<BreakerPolicy>,
    /// True if a second ask is sent beside one that is slower than 95 of 100.
    pub(crate) hedges: bool,
}

/// Repetition of what may be asked twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Most tries of one ask, the first included. At least one.
    pub(crate) attempts: u32,
    /// Most retries, in percent of the asks.
    pub(crate) budget: u32,
}

/// Circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BreakerPolicy {
    /// Least share of failures that opens it, in percent.
    pub(crate) failures: u32,
    /// Time over which asks are counted.
    pub(crate) window: Duration,
    /// Least number of asks in the window that opens it.
    pub(crate) min_requests: u32,
    /// Time in which nothing is asked.
    pub(crate) open_for: Duration,
    /// Most asks at a time that find out whether the provider is well again.
    pub(crate) probes: u32,
}

/// Most retries, in percent of the asks, where nothing else is configured.
pub(crate) const DEFAULT_BUDGET: u32 = 10;

const SECOND: Duration = Duration::from_secs(1);

impl Policy {
    /// Policy of documents that are fetched now and then. Whoever fetches them counts failures.
    pub(crate) const OF_DOCUMENTS: Self = Self {
        max_in_flight: 4,
        queue: 4,
        retry: Some(RetryPolicy {
            attempts: 2,
            budget: DEFAULT_BUDGET,
        }),
        breaker: None,
        hedges: false,
    };

    pub(crate) fn read(section: &mut Section) -> Self {
        Self {
            max_in_flight: section.number("max_in_flight", 1024, 1..=1_000_000),
            queue: section.number("queue", 256, 0..=1_000_000),
            retry: section.switched("retry").map(read_retry),
            breaker: section.switched("breaker").map(read_breaker),
            hedges: read_hedge(section),
        }
    }
}

fn read_retry(mut table: Section) -> RetryPolicy {
    let retry = RetryPolicy {
        attempts: table.number("attempts", 2, 1..=10),
        budget: table.percent("budget", DEFAULT_BUDGET, 1..=100),
    };
    table.finish();
    retry
}

fn read_breaker(mut table: Section) -> BreakerPolicy {
    let breaker = BreakerPolicy {
        failures: table.percent("failures", 50, 1..=100),
        window: table.duration("window", 10 * SECOND, SECOND..=3600 * SECOND),
        min_requests: table.number("min_requests", 20, 1..=1_000_000),
        open_for: table.duration(
            "open_for",
            5 * SECOND,
            Duration::from_millis(100)..=3600 * SECOND,
        ),
        probes: table.number("probes", 1, 1..=1000),
    };
    table.finish();
    breaker
}

fn read_hedge(section: &mut Section) -> bool {
    let hedge = section.text_or("hedge", "off");
    if !matches!(hedge.as_str(), "off" | "p95") {
        section.problem("hedge", "is not known", "Write \"off\" or \"p95\".");
    }
    hedge == "p95"
}
