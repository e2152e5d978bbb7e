//! The vendor's own time: the one it was started with, moving on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Clock that never asks the system for the time, so that a test can put a vendor anywhere in time.
pub(crate) struct Clock {
    start: SystemTime,
    since: Instant,
}

impl Clock {
    pub(crate) fn new(start: SystemTime) -> Self {
        Self {
            start,
            since: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.start + self.since.elapsed()
    }
}

/// Whole milliseconds since 1970; 0 before that.
pub(crate) fn epoch_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whole seconds since 1970; 0 before that.
pub(crate) fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// RFC 3339 with three digits of milliseconds and `Z`, as Passport writes `created_at`.
pub(crate) fn rfc3339_millis(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.time().as_hms_milli();
    format!(
        "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
        u8::from(month)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_truncated() {
        let time = UNIX_EPOCH + Duration::new(1_757_542_970, 337_999_999);
        assert_eq!(rfc3339_millis(time), "2025-09-10T22:22:50.337Z");
        assert_eq!(epoch_millis(time), 1_757_542_970_337);
        assert_eq!(epoch_seconds(time), 1_757_542_970);
    }
}
