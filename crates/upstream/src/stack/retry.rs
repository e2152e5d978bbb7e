use std::sync::Arc;
use std::time::Duration;

use introspectd_core::ask::Meter;
use introspectd_core::{Failure, Outage, Unreachable};
use tokio::time::{Instant, sleep};

use super::around::{Around, Below, Next, Outcome};
use super::budget::Budget;
use crate::request::{Effect, Request};

/// Retries of requests that change nothing, after failures that another try may not meet.
#[derive(Clone)]
pub(super) struct Retry {
    /// Most tries of one ask, the first included.
    attempts: u32,
    budget: Arc<Budget>,
    meter: Arc<Meter>,
}

/// Longest pause before the first retry; that before each further one is twice as long.
const BASE: Duration = Duration::from_millis(25);

impl Retry {
    pub(super) fn new(attempts: u32, budget: Arc<Budget>, meter: Arc<Meter>) -> Self {
        Self {
            attempts,
            budget,
            meter,
        }
    }
}

impl Around for Retry {
    async fn call<S: Below>(self, request: Box<Request>, next: Next<S>) -> Outcome {
        self.budget.count_ask();
        if request.effect == Effect::Change {
            return next.send(request).await;
        }
        let mut retries = 0;
        loop {
            let mut attempt = request.clone();
            attempt.resends = retries;
            let outcome = next.send(attempt).await;
            let is_of_use = retries + 1 < self.attempts
                && outcome.as_ref().is_err_and(is_transient)
                // A failed grant is none of what may be asked twice, and has waiters of its own.
                && !request.stage.is_renewing();
            if !is_of_use {
                return outcome;
            }
            let pause = pause(retries);
            let is_in_time = request
                .deadline
                .is_none_or(|end| Instant::now() + pause < end);
            if !is_in_time || !request.may_go_on() || !self.budget.withdraw() {
                return outcome;
            }
            retries += 1;
            self.meter.count_retry();
            request.stage.rest();
            sleep(pause).await;
            request.stage.rested();
        }
    }
}

/// Returns true for a failure of a moment: a server that restarts, a proxy that has none to ask.
/// Where it names a time, that is kept to.
fn is_transient(failure: &Failure) -> bool {
    let Failure::Unavailable {
        outage,
        retry_after: None,
    } = failure
    else {
        return false;
    };
    matches!(
        outage,
        Outage::Unreachable(Unreachable::Refused | Unreachable::Reset)
            | Outage::Closed
            | Outage::Status(502..=504)
    )
}

/// Exponential back-off with full jitter, in whole milliseconds as timers have: else one that ends
/// just before the deadline would be slept past it.
fn pause(retries: u32) -> Duration {
    let longest = BASE * 2_u32.saturating_pow(retries);
    // Without random bytes the longest pause, which burdens the provider least.
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    let whole = longest.mul_f64(share).as_millis();
    Duration::from_millis(whole.try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::around::around;
    use super::*;
    use introspectd_core::{ManualClock, Timestamp};
    use std::future::ready;
    use tower::{Layer, ServiceExt, service_fn};

    #[test]
    fn pauses_are_anything_up_to_a_bound_that_doubles() {
        for (retries, most) in [(0, 25), (1, 50), (2, 100), (8, 6400)] {
            let most = Duration::from_millis(most);
            let pauses: Vec<_> = (0..1000).map(|_| pause(retries)).collect();
            assert!(pauses.iter().all(|pause| *pause <= most));
            let above = |share: u32| pauses.iter().filter(|it| **it > most * share / 4).count();
            for share in 1..4 {
                let expected = 250 * (4 - share as usize);
                assert!(above(share).abs_diff(expected) < 120, "{retries} {share}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_retry_is_begun_past_the_deadline() {
        let clock = Arc::new(ManualClock::at(Timestamp::MIN));
        for _ in 0..100 {
            let budget = Arc::new(Budget::new(100, Arc::clone(&clock) as _));
            let meter = Arc::<Meter>::default();
            let unavailable = || Failure::outage(Outage::Status(503));
            let failing = service_fn(move |_: Box<Request>| ready(Err(unavailable())));
            let service = around(Retry::new(10, budget, Arc::clone(&meter))).layer(failing);
            let end = Instant::now() + Duration::from_millis(150);
            let mut request = Box::new(Request::get(http::Uri::from_static("http://127.0.0.1/")));
            request.deadline = Some(end);
            // The last failure and no timeout: what would end too late is not begun.
            assert_eq!(service.oneshot(request).await.err(), Some(unavailable()));
            assert!(Instant::now() < end);
            assert!((1..9).contains(&meter.retries()), "{}", meter.retries());
        }
    }

    #[test]
    fn only_failures_of_a_moment_are_retried() {
        let statuses = |wait: Option<u64>| {
            [429, 500, 502, 503, 504].map(|status| {
                let outage = Outage::Status(status);
                let retry_after = wait.map(Duration::from_secs);
                is_transient(&Failure::Unavailable {
                    outage,
                    retry_after,
                })
            })
        };
        assert_eq!(statuses(None), [false, false, true, true, true]);
        assert_eq!(statuses(Some(0)), [false; 5]);
        for (unreachable, expected) in [
            (Unreachable::Refused, true),
            (Unreachable::Reset, true),
            (Unreachable::NoRoute, false),
            (Unreachable::NoSuchName, false),
            (Unreachable::Tls, false),
        ] {
            let failure = Failure::outage(Outage::Unreachable(unreachable));
            assert_eq!(is_transient(&failure), expected, "{unreachable:?}");
        }
        assert!(is_transient(&Failure::outage(Outage::Closed)));
        assert!(!is_transient(&Failure::outage(Outage::Overloaded)));
        assert!(!is_transient(&Failure::Timeout));
    }
}
