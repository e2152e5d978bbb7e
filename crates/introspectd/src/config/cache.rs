use std::time::Duration;

use bytesize::ByteSize;
use introspectd_resolver::{CacheLimits, CacheTimes};
use introspectd_settings::Section;

use super::shared::{self, SharedConfig};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the cache's limits, and the shared tier if there is one.
pub(super) fn read(root: &mut Section) -> (CacheLimits, Option<SharedConfig>) {
    let mut cache = root.section("cache");
    let max_bytes = cache.size(
        "max_bytes",
        ByteSize::mib(256),
        ByteSize::kib(64)..=ByteSize(u64::MAX),
    );
    let times = read_times(&mut cache, &DEFAULT);
    let shared = shared::read(&mut cache);
    cache.finish();
    (CacheLimits { max_bytes, times }, shared)
}

/// Reads the times of a provider, which are those of `[cache]` where it has none of its own.
pub(super) fn read_own(provider: &mut Section, common: &CacheTimes) -> CacheTimes {
    let mut cache = provider.section("cache");
    let times = read_times(&mut cache, common);
    cache.finish();
    times
}

const DEFAULT: CacheTimes = CacheTimes {
    ttl: Duration::from_secs(60),
    inactive_ttl: Duration::from_secs(5),
    stale_if_error: Duration::ZERO,
};

fn read_times(cache: &mut Section, common: &CacheTimes) -> CacheTimes {
    let has_any = cache.has("ttl") || cache.has("stale_if_error");
    let mut read = |key, default| cache.duration(key, default, Duration::ZERO..=DAY);
    let times = CacheTimes {
        ttl: read("ttl", common.ttl),
        inactive_ttl: read("inactive_ttl", common.inactive_ttl),
        stale_if_error: read("stale_if_error", common.stale_if_error),
    };
    // What is common is judged where it stands.
    if has_any && times.ttl.is_zero() && !times.stale_if_error.is_zero() {
        let what = "has nothing to keep, since ttl is 0s";
        let remedy = format!("Give [{}] a ttl, or stale_if_error = \"0s\".", cache.path());
        cache.problem("stale_if_error", what, remedy);
    }
    times
}
