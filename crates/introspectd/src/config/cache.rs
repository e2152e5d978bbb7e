use std::time::Duration;

use bytesize::ByteSize;
use introspectd_resolver::CacheLimits;
use introspectd_settings::Section;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn read(root: &mut Section) -> CacheLimits {
    let mut cache = root.section("cache");
    let limits = CacheLimits {
        max_bytes: cache.size(
            "max_bytes",
            ByteSize::mib(256),
            ByteSize::kib(64)..=ByteSize(u64::MAX),
        ),
        ttl: cache.duration("ttl", Duration::from_secs(60), Duration::ZERO..=DAY),
        inactive_ttl: cache.duration("inactive_ttl", Duration::from_secs(5), Duration::ZERO..=DAY),
        stale_if_error: cache.duration("stale_if_error", Duration::ZERO, Duration::ZERO..=DAY),
    };
    if limits.ttl.is_zero() && !limits.stale_if_error.is_zero() {
        let remedy = "Give [cache] a ttl, or leave stale_if_error out.";
        cache.problem(
            "stale_if_error",
            "has nothing to keep, since ttl is 0s",
            remedy,
        );
    }
    cache.finish();
    limits
}
