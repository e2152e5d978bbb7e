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

#[test]
fn time_that_is_left_is_that_of_the_state() {
    let mut breaker = opened();
    let later = START + Duration::from_secs(2);
    assert_eq!(breaker.left(later), Duration::from_secs(3));
    let over = START + POLICY.open_for;
    assert_eq!(breaker.left(over), Duration::ZERO);
    let probe = breaker.admit(over).unwrap();
    assert_eq!(breaker.left(over), PROBING);
    breaker.settle(probe, Verdict::Answered, over);
    assert_eq!(breaker.left(over), Duration::ZERO);
}

#[test]
fn ask_of_an_earlier_era_goes_on_once_the_breaker_is_closed() {
    let mut breaker = Breaker::new(POLICY);
    let early = breaker.admit(START).unwrap();
    for _ in 0..POLICY.min_requests {
        ask(&mut breaker, Verdict::Failed, START);
    }
    assert!(!breaker.is_current(early));
    ask(&mut breaker, Verdict::Answered, START + POLICY.open_for);
    assert!(breaker.is_current(early));
}

#[test]
fn odd_request_counts_again_after_a_window() {
    let mut repeats = Repeats::default();
    let is_new =
        |repeats: &mut Repeats, after: Duration| repeats.is_new(7, START + after, POLICY.window);
    assert!(is_new(&mut repeats, Duration::ZERO));
    let within = POLICY.window - Duration::from_nanos(1);
    assert!(!is_new(&mut repeats, within));
    assert!(is_new(&mut repeats, POLICY.window));
}

#[test]
fn latest_odd_requests_are_remembered() {
    let mut repeats = Repeats::default();
    let mut is_new = |hash: usize| repeats.is_new(hash as u64, START, POLICY.window);
    assert!((0..MAX_REPEATS).all(&mut is_new));
    assert!(!(0..MAX_REPEATS).any(&mut is_new));
    assert!(is_new(MAX_REPEATS), "which takes the room of the first");
    assert!(!is_new(1) && !is_new(MAX_REPEATS));
    assert!(is_new(0));
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
