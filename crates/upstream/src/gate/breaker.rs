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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: BreakerPolicy = BreakerPolicy {
        failures: 50,
        window: Duration::from_secs(10),
        min_requests: 4,
        open_for: Duration::from_secs(5),
        probes: 1,
    };

    const START: Duration = Duration::from_secs(100);

    fn ask(breaker: &mut Breaker, verdict: Verdict, now: Duration) {
        let ticket = breaker.admit(now).expect("admission");
        breaker.settle(ticket, verdict, now);
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(POLICY);
        for _ in 0..POLICY.min_requests {
            ask(&mut breaker, Verdict::Failed, START);
        }
        assert_eq!(breaker.state(START), BreakerState::Open);
        breaker
    }

    #[test]
    fn too_few_asks_open_nothing() {
        let mut breaker = Breaker::new(POLICY);
        for _ in 1..POLICY.min_requests {
            ask(&mut breaker, Verdict::Failed, START);
        }
        assert_eq!(breaker.state(START), BreakerState::Closed);
    }

    #[test]
    fn share_of_failures_opens() {
        for (answered, is_open) in [(5, false), (4, true)] {
            let mut breaker = Breaker::new(POLICY);
            for _ in 0..answered {
                ask(&mut breaker, Verdict::Answered, START);
            }
            for _ in 0..4 {
                ask(&mut breaker, Verdict::Failed, START);
            }
            assert_eq!(breaker.state(START) == BreakerState::Open, is_open);
        }
    }

    #[test]
    fn failures_of_a_past_window_open_nothing() {
        let mut breaker = Breaker::new(POLICY);
        for second in [0, 0, 0, 10] {
            let now = START + Duration::from_secs(second);
            ask(&mut breaker, Verdict::Failed, now);
        }
        let now = START + Duration::from_secs(10);
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    #[test]
    fn open_breaker_names_what_is_left_and_then_lets_one_probe_pass() {
        let mut breaker = opened();
        let later = START + Duration::from_secs(2);
        assert_eq!(breaker.admit(later), Err(Duration::from_secs(3)));
        let over = START + POLICY.open_for;
        assert_eq!(breaker.state(over), BreakerState::HalfOpen);
        assert!(breaker.admit(over).is_ok_and(|ticket| ticket.is_probe));
        assert_eq!(breaker.admit(over), Err(PROBING));
    }

    #[test]
    fn answered_probe_closes_and_what_failed_before_is_forgotten() {
        let mut breaker = opened();
        let over = START + POLICY.open_for;
        ask(&mut breaker, Verdict::Answered, over);
        for _ in 1..POLICY.min_requests {
            ask(&mut breaker, Verdict::Failed, over);
        }
        assert_eq!(breaker.state(over), BreakerState::Closed);
        ask(&mut breaker, Verdict::Failed, over);
        assert_eq!(breaker.state(over), BreakerState::Open);
    }

    #[test]
    fn failed_probe_opens_for_the_whole_time_again() {
        let mut breaker = opened();
        let over = START + POLICY.open_for;
        ask(&mut breaker, Verdict::Failed, over);
        assert_eq!(breaker.admit(over), Err(POLICY.open_for));
    }

    #[test]
    fn probe_without_an_outcome_gives_its_place_back() {
        let mut breaker = opened();
        let over = START + POLICY.open_for;
        for _ in 0..3 {
            ask(&mut breaker, Verdict::Unknown, over);
        }
        assert_eq!(breaker.state(over), BreakerState::HalfOpen);
    }

    #[test]
    fn ask_from_before_the_outage_changes_nothing_after_it() {
        let mut breaker = Breaker::new(POLICY);
        let early = breaker.admit(START).unwrap();
        let late = breaker.admit(START).unwrap();
        for _ in 0..POLICY.min_requests {
            ask(&mut breaker, Verdict::Failed, START);
        }
        breaker.settle(early, Verdict::Answered, START);
        assert_eq!(breaker.state(START), BreakerState::Open);
        assert!(!breaker.is_current(late));
        let over = START + POLICY.open_for;
        let probe = breaker.admit(over).unwrap();
        breaker.settle(late, Verdict::Failed, over);
        assert_eq!(breaker.state(over), BreakerState::HalfOpen);
        assert!(breaker.is_current(probe));
    }

    #[test]
    fn odd_answers_to_one_request_never_open() {
        let mut breaker = Breaker::new(POLICY);
        for second in 0..100 {
            let now = START + Duration::from_secs(second);
            for _ in 0..10 {
                ask(&mut breaker, Verdict::Odd(7), now);
            }
            ask(&mut breaker, Verdict::Answered, now);
            assert_eq!(breaker.state(now), BreakerState::Closed);
        }
    }

    #[test]
    fn server_errors_to_many_requests_open() {
        let mut breaker = Breaker::new(POLICY);
        for hash in 0..u64::from(POLICY.min_requests) {
            ask(&mut breaker, Verdict::Odd(hash), START);
        }
        assert_eq!(breaker.state(START), BreakerState::Open);
    }

    #[test]
    fn odd_request_that_is_known_does_not_keep_the_breaker_open() {
        let mut breaker = opened();
        let mut now = START + POLICY.open_for;
        ask(&mut breaker, Verdict::Odd(7), now);
        now += POLICY.open_for;
        ask(&mut breaker, Verdict::Odd(7), now);
        ask(&mut breaker, Verdict::Answered, now);
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Admit,
        Settle(usize, u8),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Admit),
            3 => (any::<usize>(), 0u8..4).prop_map(|(which, verdict)| Step::Settle(which, verdict)),
            1 => (0u64..6000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn probes_in_flight_never_exceed_their_number(
            steps in prop::collection::vec(step(), 0..200),
            probes in 1u32..4,
        ) {
            let mut breaker = Breaker::new(BreakerPolicy { probes, ..POLICY });
            let (mut held, mut now) = (Vec::new(), START);
            for step in steps {
                match step {
                    Step::Admit => held.extend(breaker.admit(now)),
                    Step::Settle(which, verdict) if !held.is_empty() => {
                        let ticket = held.swap_remove(which % held.len());
                        let verdict = match verdict {
                            0 => Verdict::Answered,
                            1 => Verdict::Failed,
                            2 => Verdict::Odd(which as u64),
                            _ => Verdict::Unknown,
                        };
                        breaker.settle(ticket, verdict, now);
                    }
                    Step::Settle(..) => {}
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                }
                let in_flight = held.iter().filter(|ticket| ticket.is_probe).count();
                prop_assert_eq!(in_flight, breaker.probes() as usize);
                prop_assert!(breaker.probes() <= probes);
            }
        }
    }
}
