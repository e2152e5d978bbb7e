use std::collections::VecDeque;
use std::time::Duration;

use introspectd_core::ask::BreakerState;

use crate::policy::BreakerPolicy;
use crate::window::Window;

/// Circuit breaker: a state that changes by what becomes of asks, and by time.
///
/// Every change starts another era. What became of an ask counts in the era that admitted it only,
/// so that an ask from before an outage neither ends nor prolongs it.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    mode: Mode,
    era: u64,
    /// Probes in flight, whichever era admitted them: the provider has them all to answer.
    probes: u32,
    window: Window,
    repeats: Repeats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Closed,
    /// Until this moment by [`introspectd_core::Clock::elapsed`].
    Open(Duration),
    HalfOpen,
}

/// Admission of one ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    era: u64,
    pub(super) is_probe: bool,
}

/// Judgement of an ask by what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The provider answered.
    Answered,
    /// The ask failed by what cannot depend on the token.
    Failed,
    /// The answer was a 500, which one odd request may cause: it counts once in a window for each
    /// request, which this hash stands for.
    Odd(u64),
    /// Nothing is known of the provider: a failure of our own, or a caller that went away.
    Unknown,
}

/// Wait that is named where every probe is in flight: nobody knows how long they take.
const PROBING: Duration = Duration::from_secs(1);

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            mode: Mode::Closed,
            era: 0,
            probes: 0,
            window: Window::new(policy.window),
            repeats: Repeats::default(),
        }
    }

    /// Admits an ask, or returns the time that is left until another one may pass.
    pub(super) fn admit(&mut self, now: Duration) -> Result<Ticket, Duration> {
        if let Mode::Open(until) = self.mode {
            if now < until {
                return Err(until - now);
            }
            self.change(Mode::HalfOpen);
        }
        let is_probe = self.mode == Mode::HalfOpen;
        if is_probe {
            if self.probes >= self.policy.probes {
                return Err(PROBING);
            }
            self.probes += 1;
        }
        Ok(Ticket {
            era: self.era,
            is_probe,
        })
    }

    /// Takes a ticket back with what became of its ask. Each ticket comes back once.
    pub(super) fn settle(&mut self, ticket: Ticket, verdict: Verdict, now: Duration) {
        if ticket.is_probe {
            self.probes = self.probes.saturating_sub(1);
        }
        if ticket.era != self.era {
            return;
        }
        let has_failed = match verdict {
            Verdict::Answered => false,
            Verdict::Failed => true,
            Verdict::Odd(hash) if self.repeats.is_new(hash, now, self.policy.window) => true,
            Verdict::Odd(_) | Verdict::Unknown => return,
        };
        match self.mode {
            Mode::Closed => {
                self.window.add(1, u32::from(has_failed), now);
                if self.is_too_much(now) {
                    self.open(now);
                }
            }
            Mode::HalfOpen if has_failed => self.open(now),
            Mode::HalfOpen => {
                self.window.clear();
                self.change(Mode::Closed);
            }
            // No ticket is of an open era.
            Mode::Open(_) => {}
        }
    }

    /// Returns true if an ask with this ticket may still send something.
    pub(super) fn is_current(&self, ticket: Ticket) -> bool {
        self.mode == Mode::Closed || ticket.era == self.era
    }

    pub(super) fn state(&self, now: Duration) -> BreakerState {
        match self.mode {
            Mode::Closed => BreakerState::Closed,
            Mode::Open(until) if now < until => BreakerState::Open,
            // The next ask is a probe.
            Mode::Open(_) | Mode::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// Returns the time until another ask may pass.
    pub(super) fn left(&self, now: Duration) -> Duration {
        match self.mode {
            Mode::Open(until) => until.saturating_sub(now),
            Mode::HalfOpen => PROBING,
            Mode::Closed => Duration::ZERO,
        }
    }

    #[cfg(test)]
    pub(super) fn probes(&self) -> u32 {
        self.probes
    }

    fn is_too_much(&mut self, now: Duration) -> bool {
        let (asks, failed) = self.window.sums(now);
        asks >= u64::from(self.policy.min_requests)
            && failed * 100 >= asks * u64::from(self.policy.failures)
    }

    fn open(&mut self, now: Duration) {
        self.change(Mode::Open(now + self.policy.open_for));
    }

    fn change(&mut self, mode: Mode) {
        self.mode = mode;
        self.era += 1;
    }
}

/// Requests that were answered with 500 in the last window.
#[derive(Debug, Default)]
struct Repeats(VecDeque<(u64, Duration)>);

/// Most requests that are remembered. More of them in a window are no one token's fault.
const MAX_REPEATS: usize = 64;

impl Repeats {
    /// Remembers a request, and returns true if it was not known.
    fn is_new(&mut self, hash: u64, now: Duration, window: Duration) -> bool {
        self.0.retain(|(_, at)| now < *at + window);
        if self.0.iter().any(|(known, _)| *known == hash) {
            return false;
        }
        if self.0.len() >= MAX_REPEATS {
            self.0.pop_front();
        }
        self.0.push_back((hash, now));
        true
    }
}

#[cfg(test)]
mod tests;
