use super::*;
use crate::oracle::moment::Moment;

const RATE: u32 = 5;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn moment(at: u64) -> Moment {
    Moment {
        at: millis(at),
        wall: Duration::ZERO,
    }
}

/// A bucket as introspectd keeps it: full at the start.
struct Honest {
    level: f64,
    at: u64,
    rate: f64,
}

impl Honest {
    fn new(rate: u32) -> Self {
        let rate = f64::from(rate);
        Self {
            level: rate,
            at: 0,
            rate,
        }
    }

    fn outcome(&mut self, at: u64) -> Outcome {
        let passed = (at - self.at) as f64 / 1000.0;
        self.level = (self.level + passed * self.rate).min(self.rate);
        self.at = at;
        if self.level < 1.0 {
            return Outcome::Limited;
        }
        self.level -= 1.0;
        Outcome::Admitted
    }
}

/// Lets a bucket of this rate answer a request each 50 ms for some 40 s, and judges by `RATE`.
fn findings_of(rate: u32) -> usize {
    let meter = Meter::new(RATE);
    let mut bucket = Honest::new(rate);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut found = 0;
    for sent in (0..40_000).step_by(50) {
        let (to, fro) = (rng.u64(..20), rng.u64(..20));
        let exchange = Exchange {
            sent: moment(sent),
            received: moment(sent + to + fro),
        };
        meter.heard(&exchange, bucket.outcome(sent + to));
        found += meter.judge(millis(sent)).len();
    }
    found + meter.end(millis(40_000)).len()
}

#[test]
fn honest_bucket_is_found_nothing_wrong_with() {
    assert_eq!(findings_of(RATE), 0);
}

#[test]
fn bucket_that_lets_in_too_many_is_found() {
    assert!(findings_of(RATE * 3 / 2) > 0);
    assert!(findings_of(1000) > 0, "no limit at all");
}

#[test]
fn bucket_that_refuses_too_many_is_found() {
    assert!(findings_of(RATE / 2) > 0);
}

#[test]
fn changed_rate_begins_with_a_full_bucket() {
    for (refused, findings) in [(false, 0), (true, 1)] {
        let meter = Meter::new(RATE);
        let ask = |at: u64, outcome| {
            let exchange = Exchange {
                sent: moment(at),
                received: moment(at + 1),
            };
            meter.heard(&exchange, outcome);
        };
        (0..5).for_each(|_| ask(900, Outcome::Admitted));
        ask(901, Outcome::Limited);
        meter.begin(millis(1000), RATE * 2);
        // Either bucket may have answered these.
        ask(1005, Outcome::Limited);
        ask(1006, Outcome::Admitted);
        meter.settle(millis(1010));
        let outcome = if refused {
            Outcome::Limited
        } else {
            Outcome::Admitted
        };
        ask(1020, outcome);
        meter.begin(millis(2000), RATE);
        meter.settle(millis(2010));
        assert_eq!(meter.judge(millis(2010)).len(), 0, "too early to say");
        assert_eq!(meter.judge(millis(20_000)).len(), findings);
    }
}
