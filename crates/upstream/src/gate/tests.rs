use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use introspectd_core::ask::BreakerState;
use introspectd_core::{Clock as _, Failure, ManualClock, Outage, Timestamp};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::atomic::{AtomicU32, Ordering};

use super::{Gate, Passage, Verdict};
use crate::policy::BreakerPolicy;
use crate::stage::Stage;

const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 50,
    window: Duration::from_secs(10),
    min_requests: 1,
    open_for: Duration::from_secs(5),
    probes: 2,
};

/// Schedules that are tried.
const SCHEDULES: usize = 2000;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::MIN))
}

fn gate(clock: &Arc<ManualClock>) -> Arc<Gate> {
    Arc::new(Gate::new(Some(POLICY), Arc::clone(clock) as _))
}

/// Opens the breaker, and lets its time pass.
fn half_open() -> (Arc<Gate>, Arc<ManualClock>) {
    let clock = clock();
    let gate = gate(&clock);
    gate.enter(Stage::default())
        .unwrap()
        .settle(Verdict::Failed);
    assert_eq!(gate.breaker(), BreakerState::Open);
    clock.advance(5);
    (gate, clock)
}

/// Ends an ask in one of the ways that asks end.
fn end(passage: Passage, stage: &Stage) {
    match thread_rng().gen_range(0..6) {
        0 => passage.settle(Verdict::Answered),
        1 => passage.settle(Verdict::Failed),
        2 => passage.settle(Verdict::Unknown),
        3 => passage.settle(Verdict::Odd(7)),
        4 => {
            stage.end();
            drop(passage);
        }
        // Cancelled.
        _ => drop(passage),
    }
}

fn is_probe(passage: &Passage) -> bool {
    passage.pass.ticket.is_some_and(|ticket| ticket.is_probe)
}

#[test]
fn probes_in_flight_never_exceed_their_number_in_any_order_of_threads() {
    shuttle::check_random(
        || {
            let (gate, clock) = half_open();
            let probing = Arc::new(AtomicU32::new(0));
            let asks = (0..4).map(|_| {
                let (gate, clock) = (Arc::clone(&gate), Arc::clone(&clock));
                let probing = Arc::clone(&probing);
                shuttle::thread::spawn(move || {
                    for _ in 0..3 {
                        ask(&gate, &clock, &probing);
                    }
                })
            });
            asks.collect::<Vec<_>>()
                .into_iter()
                .for_each(|ask| ask.join().unwrap());
            all_places_are_free(&gate, &clock);
        },
        SCHEDULES,
    );
}

fn ask(gate: &Arc<Gate>, clock: &ManualClock, probing: &AtomicU32) {
    let stage = Stage::default();
    let Ok(passage) = gate.enter(stage.clone()) else {
        // Whoever is refused lets time pass, so that another era comes while probes are out.
        clock.advance(thread_rng().gen_range(0..6));
        return;
    };
    let is_probe = is_probe(&passage);
    if is_probe {
        let others = probing.fetch_add(1, Ordering::SeqCst);
        assert!(others < POLICY.probes);
    }
    shuttle::thread::yield_now();
    if is_probe {
        probing.fetch_sub(1, Ordering::SeqCst);
    }
    end(passage, &stage);
}

#[test]
fn cancelled_probe_gives_its_place_back_whenever_it_is_cancelled() {
    shuttle::check_random(
        || {
            let (gate, clock) = half_open();
            let probes = (0..3).map(|_| {
                let gate = Arc::clone(&gate);
                shuttle::future::spawn(async move {
                    let stage = Stage::default();
                    let Ok(passage) = gate.enter(stage.clone()) else {
                        return;
                    };
                    shuttle::future::yield_now().await;
                    passage.settle(Verdict::Unknown);
                })
            });
            let probes: Vec<_> = probes.collect();
            for probe in probes {
                probe.abort();
                drop(shuttle::future::block_on(probe));
            }
            all_places_are_free(&gate, &clock);
        },
        SCHEDULES,
    );
}

fn all_places_are_free(gate: &Arc<Gate>, clock: &ManualClock) {
    clock.advance(5);
    if gate.breaker() == BreakerState::Closed {
        return;
    }
    let probes: Vec<_> = (0..POLICY.probes)
        .map(|_| gate.enter(Stage::default()).unwrap())
        .collect();
    assert!(gate.enter(Stage::default()).is_err());
    drop(probes);
}

/// Runs a test of one thread.
fn alone(test: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(test, 1);
}

#[test]
fn pause_refuses_with_what_is_left_of_it() {
    alone(|| {
        let clock = clock();
        let gate = gate(&clock);
        gate.pause(Duration::from_secs(7));
        clock.advance(3);
        let refused = gate.enter(Stage::default()).err();
        let expected = Failure::Unavailable {
            outage: Outage::Throttled,
            retry_after: Some(Duration::from_secs(4)),
        };
        assert_eq!((refused, gate.is_paused()), (Some(expected), true));
        clock.advance(4);
        assert!(gate.enter(Stage::default()).is_ok());
    });
}

#[test]
fn ask_that_ends_at_its_deadline_has_failed_and_one_that_waited_has_not() {
    for (waits, state) in [(false, BreakerState::Open), (true, BreakerState::Closed)] {
        alone(move || {
            let gate = gate(&clock());
            let stage = Stage::default();
            let passage = gate.enter(stage.clone()).unwrap();
            if waits {
                stage.wait_for_place();
            }
            stage.end();
            drop(passage);
            assert_eq!(gate.breaker(), state);
        });
    }
}

#[test]
fn waiting_ask_is_refused_when_the_gate_shuts_and_one_under_way_is_not() {
    alone(|| {
        let clock = clock();
        let gate = gate(&clock);
        let (waiting, sent) = (Stage::default(), Stage::default());
        waiting.wait_for_place();
        let waits = gate.enter(waiting).unwrap();
        let under_way = gate.enter(sent).unwrap();
        assert!(poll(&waits).is_none());
        gate.enter(Stage::default())
            .unwrap()
            .settle(Verdict::Failed);
        assert!(poll(&waits).is_some_and(|refusal| refusal.is_unasked()));
        assert!(poll(&under_way).is_none());
        assert!(!under_way.pass().holds());
        assert_eq!(clock.elapsed(), Duration::ZERO);
    });
}

fn poll(passage: &Passage) -> Option<Failure> {
    use futures_util::FutureExt as _;
    passage.shut().now_or_never()
}

/// Waker that counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn waiting_ask_is_woken_when_the_gate_shuts_and_by_nothing_else() {
    for pauses in [false, true] {
        alone(move || {
            let gate = gate(&clock());
            let stage = Stage::default();
            stage.wait_for_place();
            let waits = gate.enter(stage).unwrap();
            assert!(waits.pass().holds());
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut shut = pin!(waits.shut());
            let mut poll = || shut.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll().is_pending());
            let answered = gate.enter(Stage::default()).unwrap();
            let fails = gate.enter(Stage::default()).unwrap();
            answered.settle(Verdict::Answered);
            gate.pause(Duration::ZERO);
            assert_eq!(woken.0.load(SeqCst), 0);
            if pauses {
                gate.pause(Duration::from_secs(1));
            } else {
                fails.settle(Verdict::Failed);
            }
            assert_eq!(woken.0.load(SeqCst), 1);
            assert!(poll().is_ready());
        });
    }
}

#[test]
fn ask_that_is_dropped_before_its_deadline_says_nothing() {
    alone(|| {
        let gate = gate(&clock());
        drop(gate.enter(Stage::default()).unwrap());
        assert_eq!(gate.breaker(), BreakerState::Closed);
    });
}
