use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Moment in whole seconds since 1970-01-01T00:00:00Z, within the years 1 to 9999 of RFC 3339.
///
/// No authorization server can mean a time outside of these years, so no value exists for one: the
/// constructors return `None`.
///
/// The value is held as seconds since the last one before the year 1, which is never zero: an
/// `Option` of it takes no more room, and a cache holds millions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// Seconds since 1970 of the moment before [`Timestamp::MIN`].
const ORIGIN: i64 = -62_135_596_801;
/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799_u64.wrapping_sub_signed(ORIGIN);

impl Timestamp {
    /// Earliest moment, 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(NonZeroU64::MIN);
    /// Latest moment, 9999-12-31T23:59:59Z.
    pub const MAX: Self = match NonZeroU64::new(LAST) {
        Some(last) => Self(last),
        None => Self::MIN,
    };

    /// Converts seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Option<Self> {
        let Some(since) = seconds.checked_sub(ORIGIN) else {
            return None;
        };
        if since <= 0 || since.cast_unsigned() > LAST {
            return None;
        }
        match NonZeroU64::new(since.cast_unsigned()) {
            Some(since) => Some(Self(since)),
            None => None,
        }
    }

    /// Converts milliseconds since the epoch, rounded down, so that an expiry is never late.
    pub const fn from_millis(millis: i64) -> Option<Self> {
        Self::from_seconds(millis.div_euclid(1000))
    }

    /// Compact form for caches: five bytes, never all zero.
    pub const fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.0.get().to_le_bytes();
        [a, b, c, d, e]
    }

    /// Reads the compact form of [`Timestamp::to_bytes`]; `None` for bytes that it never returns.
    #[inline]
    pub const fn from_bytes([a, b, c, d, e]: [u8; 5]) -> Option<Self> {
        match NonZeroU64::new(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])) {
            Some(since) if since.get() <= LAST => Some(Self(since)),
            Some(_) | None => None,
        }
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.get().cast_signed() + ORIGIN
    }

    /// Adds seconds; `None` past the year 9999.
    pub const fn plus_seconds(self, seconds: i64) -> Option<Self> {
        match self.seconds().checked_add(seconds) {
            Some(sum) => Self::from_seconds(sum),
            None => None,
        }
    }

    /// Time left until `later`; `None` where that is not in the future.
    pub fn until(self, later: Self) -> Option<Duration> {
        let seconds = later.0.get().checked_sub(self.0.get())?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.seconds())
    }
}

/// Source of time, injected so that both sides of every boundary can be tested.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Wall time, rounded down to the second: `now < exp` then holds until the very second of
    /// `exp`.
    fn now(&self) -> Timestamp;

    /// Time since a fixed moment, for ages and reuse. No adjustment of the wall clock moves it, and
    /// it counts the machine's sleep where the system reports that.
    fn elapsed(&self) -> Duration;
}

/// System clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    /// [`since_boot`] at the start; `None` where the system does not report it.
    start_since_boot: Option<Duration>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            start_since_boot: since_boot(),
        }
    }
}

/// Time since boot, including sleep. [`Instant`] leaves sleep out, so a cache would still use in
/// the morning what it knew the evening before.
///
/// `CLOCK_BOOTTIME` is read in user space (vDSO), like `CLOCK_MONOTONIC`, so a hit makes no system
/// call.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn since_boot() -> Option<Duration> {
    use rustix::time::{DynamicClockId, clock_gettime_dynamic};
    let time = clock_gettime_dynamic(DynamicClockId::Boottime).ok()?;
    Some(Duration::new(
        time.tv_sec.try_into().ok()?,
        time.tv_nsec.try_into().ok()?,
    ))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn since_boot() -> Option<Duration> {
    None
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        // A clock before 1970 or after 9999 is broken: the far end makes every token expired.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_secs()).ok())
            .and_then(Timestamp::from_seconds)
            .unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        let since_start = self.start_since_boot.zip(since_boot());
        since_start.map_or_else(
            || self.start.elapsed(),
            |(start, now)| now.saturating_sub(start),
        )
    }
}

/// Test clock that moves on request only.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    elapsed_millis: AtomicU64,
}

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: AtomicI64::new(now.seconds()),
            elapsed_millis: AtomicU64::new(0),
        }
    }

    /// Advances wall time and elapsed time by whole seconds.
    pub fn advance(&self, seconds: u32) {
        self.now.fetch_add(i64::from(seconds), Ordering::SeqCst);
        self.elapsed_millis
            .fetch_add(u64::from(seconds) * 1000, Ordering::SeqCst);
    }

    /// Sets the wall clock, like a time server, without changing elapsed time.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.seconds(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.now.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_millis.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_out_of_range_are_rejected() {
        assert_eq!(Timestamp::from_seconds(i64::MAX), None);
        assert_eq!(Timestamp::from_millis(i64::MIN), None);
        assert_eq!(Timestamp::MAX.plus_seconds(1), None);
        assert_eq!(Timestamp::MAX.plus_seconds(i64::MAX), None);
    }

    #[test]
    fn bounds_and_epoch_round_trip() {
        assert_eq!(Timestamp::MIN.seconds(), -62_135_596_800);
        assert_eq!(Timestamp::MAX.seconds(), 253_402_300_799);
        for seconds in [Timestamp::MIN.seconds(), -1, 0, 1, Timestamp::MAX.seconds()] {
            assert_eq!(
                Timestamp::from_seconds(seconds).map(Timestamp::seconds),
                Some(seconds)
            );
        }
        for time in [
            Timestamp::MIN,
            Timestamp::from_seconds(0).unwrap(),
            Timestamp::MAX,
        ] {
            assert_eq!(Timestamp::from_bytes(time.to_bytes()), Some(time));
        }
        assert_eq!(Timestamp::from_bytes([0; 5]), None);
        assert_eq!(Timestamp::from_bytes([0xff; 5]), None);
        for beyond in [
            Timestamp::MIN.seconds() - 1,
            Timestamp::MAX.seconds() + 1,
            i64::MIN,
        ] {
            assert_eq!(Timestamp::from_seconds(beyond), None);
        }
    }

    #[test]
    fn elapsed_time_includes_sleep() {
        let clock = SystemClock {
            start_since_boot: Some(Duration::ZERO),
            ..SystemClock::default()
        };
        // `/proc/uptime` has CLOCK_BOOTTIME in hundredths of a second.
        let Ok(uptime) = std::fs::read_to_string("/proc/uptime") else {
            return;
        };
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let elapsed = clock.elapsed().as_secs_f64();
        assert!(
            (uptime - 0.02..uptime + 60.0).contains(&elapsed),
            "{elapsed} {uptime}"
        );
    }

    #[test]
    fn elapsed_time_starts_at_zero_and_advances() {
        let clock = SystemClock::default();
        let first = clock.elapsed();
        assert!(first < Duration::from_secs(60));
        let start_since_boot = clock
            .start_since_boot
            .map(|start| start.saturating_sub(Duration::from_secs(1)));
        let later = SystemClock {
            start_since_boot,
            start: clock.start - Duration::from_secs(1),
        };
        assert!(later.elapsed() >= first + Duration::from_secs(1));
    }

    #[test]
    fn optional_timestamps_take_eight_bytes() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
    }

    #[test]
    fn no_time_is_left_until_the_present_second() {
        let now = Timestamp::from_seconds(100).unwrap();
        assert_eq!(now.until(now), None);
        assert_eq!(now.until(Timestamp::from_seconds(99).unwrap()), None);
        assert_eq!(
            now.until(Timestamp::from_seconds(101).unwrap()),
            Some(Duration::from_secs(1))
        );
    }

    proptest! {
        #[test]
        fn rounding_never_extends_an_expiry(millis: i64) {
            if let Some(end) = Timestamp::from_millis(millis) {
                prop_assert!(i128::from(end.seconds()) * 1000 <= i128::from(millis));
                prop_assert!(i128::from(millis) - i128::from(end.seconds()) * 1000 < 1000);
            }
        }
    }
}
