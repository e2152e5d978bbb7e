use std::time::Duration;

use bytesize::ByteSize;
use introspectd_resolver::CacheLimits;
use introspectd_settings::Section;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn read(root: &mut Section) -> CacheLimits {
    let mut cache = root.section("cache");
    let limits = CacheLimits {
        max_bytes: cache.size("max_bytes", ByteSize::mib(256), ByteSize::kib(64)),
        ttl: cache.duration("ttl", Duration::from_secs(60), Duration::ZERO..=DAY),
        inactive_ttl: cache.duration("inactive_ttl", Duration::from_secs(5), Duration::ZERO..=DAY),
        stale_if_error: cache.duration("stale_if_error", Duration::ZERO, Duration::ZERO..=DAY),
    };
    cache.finish();
    limits
}
