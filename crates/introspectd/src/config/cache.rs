use std::time::Duration;

use bytesize::ByteSize;
use introspectd_resolver::{CacheLimits, CacheTimes};
use introspectd_settings::Section;

use super::shared::{self, SharedConfig};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of `[cache]`.
pub(super) struct CacheConfig {
    pub(super) limits: CacheLimits,
    /// True if there is a section for the shared tier, even one with problems.
    pub(super) has_shared: bool,
    pub(super) shared: Option<SharedConfig>,
}

pub(super) fn read(root: &mut Section) -> CacheConfig {
    let mut cache = root.section("cache");
    let max_bytes = cache.size(
        "max_bytes",
        ByteSize::mib(256),
        ByteSize::kib(64)..=ByteSize(u64::MAX),
    );
    let times = read_times(&mut cache, &DEFAULT);
    let has_shared = cache.has("shared");
    let shared = shared::read(&mut cache);
    cache.finish();
    CacheConfig {
        limits: CacheLimits { max_bytes, times },
        has_shared,
        shared,
    }
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
    without_end: None,
};

fn read_times(cache: &mut Section, common: &CacheTimes) -> CacheTimes {
    let has_any = cache.has("ttl") || cache.has("stale_if_error");
    let mut read = |key, default| cache.duration(key, default, Duration::ZERO..=DAY);
    let times = CacheTimes {
        ttl: read("ttl", common.ttl),
        inactive_ttl: read("inactive_ttl", common.inactive_ttl),
        stale_if_error: read("stale_if_error", common.stale_if_error),
        without_end: common.without_end,
    };
    // What is common is judged where it stands.
    if has_any && times.ttl.is_zero() && !times.stale_if_error.is_zero() {
        let what = "has nothing to keep, since ttl is 0s";
        let remedy = format!("Give [{}] a ttl, or stale_if_error = \"0s\".", cache.path());
        cache.problem("stale_if_error", what, remedy);
    }
    times
}
