use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use governor::clock::Clock as Governed;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::refusal::CallerFault;

/// Limit of a caller's requests: a bucket of `burst` requests that refills evenly.
///
/// A request costs one exchange of a number that all workers share, without a lock. A caller
/// without a rate pays nothing.
pub struct Rate {
    quota: Quota,
    limiter: OnceLock<Arc<Limiter>>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Arrival, NoOpMiddleware<Nanos>>;

/// Arrival of the request that this thread counts, in governor's terms: whoever counts has read
/// the clock, which costs as much as all of the rest.
struct Arrival;

thread_local! {
    static ARRIVED_AT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Error of a rate that cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRate {
    /// Anything but a number, `/`, and `s`, `m` or `h`.
    NotARate,
    /// No request at all, or more than 1,000,000 in a second.
    OutOfRange,
}

/// Highest rate: one request in a microsecond. Rounding to nanoseconds then adds less than 0.1 %.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(1);

/// Largest burst, which at the lowest rate of `1/h` takes 114 years to refill.
pub const MAX_BURST: u32 = 1_000_000;

impl Rate {
    /// Parses `5000/s`, `100/m` or `1/h`. The burst is one second's worth, and at least 1.
    ///
    /// # Errors
    /// [`InvalidRate`] for any other text, and for a rate below 1 or above 1,000,000 a second.
    pub fn parse(text: &str) -> Result<Self, InvalidRate> {
        let (number, unit) = text.split_once('/').ok_or(InvalidRate::NotARate)?;
        let seconds: u32 = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(InvalidRate::NotARate),
        };
        let number = number.trim();
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number {
            return Err(InvalidRate::NotARate);
        }
        let number: u32 = number.parse().map_err(|_| InvalidRate::OutOfRange)?;
        let interval = Duration::from_secs(seconds.into())
            .checked_div(number)
            .filter(|interval| *interval >= SHORTEST_INTERVAL)
            .ok_or(InvalidRate::OutOfRange)?;
        let of_a_second = NonZeroU32::new(number / seconds).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval).ok_or(InvalidRate::OutOfRange)?;
        Ok(Self::of(quota.allow_burst(of_a_second)))
    }

    fn of(quota: Quota) -> Self {
        Self {
            quota,
            limiter: OnceLock::new(),
        }
    }

    /// Replaces the burst, which is at most [`MAX_BURST`].
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        let most = NonZeroU32::new(MAX_BURST).unwrap_or(burst);
        Self::of(self.quota.allow_burst(burst.min(most)))
    }

    /// Returns the burst.
    pub fn burst(&self) -> u32 {
        self.quota.burst_size().get()
    }

    /// Counts a request that arrived at `at`, by [`introspectd_core::Clock::elapsed`].
    ///
    /// # Errors
    /// [`CallerFault::RateLimited`] over the rate. Such a request is not counted.
    #[inline]
    pub(super) fn count(&self, at: Duration) -> Result<(), CallerFault> {
        ARRIVED_AT.set(at);
        let limiter = self.limiter();
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(limiter.clock().now());
            CallerFault::RateLimited {
                retry_after: whole_seconds(wait),
            }
        })
    }

    /// Goes on where the same rate of an earlier configuration is.
    pub(super) fn continue_from(&self, earlier: &Self) {
        if self.quota == earlier.quota {
            // It is empty as long as nothing was counted.
            let _ = self.limiter.set(Arc::clone(earlier.limiter()));
        }
    }

    fn limiter(&self) -> &Arc<Limiter> {
        self.limiter
            .get_or_init(|| Arc::new(RateLimiter::direct_with_clock(self.quota, Arrival)))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rate").field(&self.quota).finish()
    }
}

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotARate => "is not a rate",
            Self::OutOfRange => "is not from 1/h to 1000000/s",
        })
    }
}

impl std::error::Error for InvalidRate {}

impl Governed for Arrival {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        ARRIVED_AT.get().into()
    }
}

/// Rounds up, to 1 at least: a client that comes back earlier is refused again.
fn whole_seconds(wait: Duration) -> u32 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    u32::try_from(wait.as_secs() + begun)
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn counted(rate: &Rate, at: Duration, requests: usize) -> usize {
        (0..requests).filter(|_| rate.count(at).is_ok()).count()
    }

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for (text, interval, burst) in [
            ("5000/s", Duration::from_micros(200), 5000),
            ("1/h", Duration::from_secs(3600), 1),
            ("100/m", Duration::from_millis(600), 1),
            ("600/m", Duration::from_millis(100), 10),
            (" 7 / s ", Duration::from_secs(1) / 7, 7),
            ("1000000/s", Duration::from_micros(1), 1_000_000),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!(
                (rate.quota.replenish_interval(), rate.burst()),
                (interval, burst),
                "{text}"
            );
        }
        for text in [
            "", "5", "/s", "5/", "5/d", "-5/s", "+5/s", "5.5/s", "5/S", "5/s/s", "x/s",
        ] {
            assert_eq!(
                Rate::parse(text).err(),
                Some(InvalidRate::NotARate),
                "{text}"
            );
        }
        for text in ["0/s", "1000001/s", "99999999999/s"] {
            assert_eq!(
                Rate::parse(text).err(),
                Some(InvalidRate::OutOfRange),
                "{text}"
            );
        }
    }

    #[test]
    fn any_text_is_a_rate_that_can_be_counted_or_refused() {
        let seeds: [&[u8]; 3] = [b"5000/s", b"100/m", b" 7 / h "];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let Ok(rate) = Rate::parse(&String::from_utf8_lossy(bytes)) else {
                return;
            };
            let interval = rate.quota.replenish_interval();
            assert!((SHORTEST_INTERVAL..=Duration::from_secs(3600)).contains(&interval));
            assert!((1..=MAX_BURST).contains(&rate.burst()));
            let allowed = counted(&rate.with_burst(NonZeroU32::MIN), at(1), 2);
            assert_eq!(allowed, 1);
        });
    }

    #[test]
    fn burst_passes_at_once_and_refills_evenly() {
        let rate = Rate::parse("60/m")
            .unwrap()
            .with_burst(NonZeroU32::new(5).unwrap());
        assert_eq!(counted(&rate, at(1), 100), 5);
        assert_eq!(counted(&rate, at(3), 100), 2);
        assert_eq!(
            counted(&rate, at(3603), 100),
            5,
            "an unused burst does not add up"
        );
    }

    #[test]
    fn wait_is_in_whole_seconds_rounded_up() {
        let rate = Rate::parse("1/h").unwrap();
        assert_eq!(rate.count(at(0)), Ok(()));
        let refused = |retry_after| Err(CallerFault::RateLimited { retry_after });
        assert_eq!(rate.count(at(0)), refused(3600));
        assert_eq!(rate.count(at(3599)), refused(1));
        assert_eq!(rate.count(at(3600)), Ok(()));

        let often = Rate::parse("1000/s").unwrap().with_burst(NonZeroU32::MIN);
        assert_eq!(often.count(at(0)), Ok(()));
        assert_eq!(often.count(at(0)), refused(1), "a millisecond is a second");
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
    }

    #[test]
    fn same_rate_continues_and_another_begins_anew() {
        let rate = || Rate::parse("10/s").unwrap();
        let earlier = rate();
        assert_eq!(counted(&earlier, at(1), 7), 7);
        let same = rate();
        same.continue_from(&earlier);
        assert_eq!(counted(&same, at(1), 10), 3);
        let other = rate().with_burst(NonZeroU32::new(4).unwrap());
        other.continue_from(&earlier);
        assert_eq!(counted(&other, at(1), 10), 4);
    }

    #[test]
    fn lowest_rate_and_largest_burst_do_not_overflow() {
        let rate = Rate::parse("1/h").unwrap().with_burst(NonZeroU32::MAX);
        assert_eq!(rate.burst(), MAX_BURST);
        assert_eq!(rate.count(at(u32::MAX.into())), Ok(()));
    }
}
