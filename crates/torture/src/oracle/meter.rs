//! The rate of a caller: was it refused while under its rate, or let in while over it?

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use crate::oracle::finding::{Finding, Rule};
use crate::oracle::locked;
use crate::oracle::moment::Exchange;

/// Requests of a caller with a rate, and the rates that it had. A bucket holds the requests of one
/// second.
pub(crate) struct Meter(Mutex<Log>);

struct Log {
    /// Buckets, at least one.
    buckets: VecDeque<Bucket>,
    asked: Vec<Asked>,
}

/// Time of one bucket, which ends when the next one begins.
#[derive(Clone, Copy)]
struct Bucket {
    /// Requests a second.
    rate: u32,
    /// Moment before which it is not in force.
    begun: Duration,
    /// Moment from which on it is in force; `None` while that is not known.
    sure: Option<Duration>,
    /// True if it was full when it began; else what it held is unknown.
    is_full: bool,
}

struct Asked {
    sent: Duration,
    received: Duration,
    outcome: Outcome,
}

/// Outcome of a request, as far as the rate goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Admitted,
    Limited,
    /// No answer: perhaps counted, perhaps not.
    Unknown,
}

/// Time after which all exchanges of a bucket are known.
const SETTLED: Duration = Duration::from_secs(8);
/// A bucket that is in force for longer is judged in pieces.
const LONG: Duration = Duration::from_secs(15);
/// Requests by which rounding and a client that asks twice may shift a count.
const MARGIN: f64 = 2.0;

impl Meter {
    /// A caller with this many requests a second.
    pub(crate) fn new(rate: u32) -> Self {
        let first = Bucket {
            rate,
            begun: Duration::ZERO,
            sure: Some(Duration::ZERO),
            is_full: true,
        };
        Self(Mutex::new(Log {
            buckets: VecDeque::from([first]),
            asked: Vec::new(),
        }))
    }

    /// A new bucket is about to come, with a changed rate or a new process.
    pub(crate) fn begin(&self, at: Duration, rate: u32) {
        locked(&self.0).buckets.push_back(Bucket {
            rate,
            begun: at,
            sure: None,
            is_full: true,
        });
    }

    /// The latest bucket is in force, if it was not known to be so before.
    pub(crate) fn settle(&self, at: Duration) {
        for bucket in &mut locked(&self.0).buckets {
            bucket.sure.get_or_insert(at);
        }
    }

    /// Takes note of a request.
    pub(crate) fn heard(&self, exchange: &Exchange, outcome: Outcome) {
        locked(&self.0).asked.push(Asked {
            sent: exchange.sent.at,
            received: exchange.received.at,
            outcome,
        });
    }

    /// Judges all requests to buckets that were replaced long enough ago.
    pub(crate) fn judge(&self, now: Duration) -> Vec<Finding> {
        let mut log = locked(&self.0);
        let mut findings = Vec::new();
        log.cut(now);
        while let Some((bucket, next)) = log.pop_over(now) {
            findings.extend(log.over_admitted(bucket, next));
            findings.extend(log.unjustly_refused(bucket, next));
            log.asked.retain(|asked| asked.received >= next.begun);
        }
        findings
    }

    /// Judges all that is left, once all answers are known.
    pub(crate) fn end(&self, now: Duration) -> Vec<Finding> {
        self.begin(now, 0);
        self.settle(now);
        self.judge(now + SETTLED)
    }
}

impl Log {
    /// Ends a bucket that has been in force for long, and goes on with what it may hold.
    fn cut(&mut self, now: Duration) {
        let Some(last) = self.buckets.back().copied() else {
            return;
        };
        let end = last.sure.map(|sure| sure + LONG);
        if let Some(end) = end.filter(|end| *end + SETTLED <= now) {
            self.buckets.push_back(Bucket {
                begun: end,
                sure: Some(end),
                is_full: false,
                ..last
            });
        }
    }

    fn pop_over(&mut self, now: Duration) -> Option<(Bucket, Bucket)> {
        let next = self.buckets.get(1).copied()?;
        let is_over = next.sure.is_some_and(|sure| sure + SETTLED <= now);
        let bucket = if is_over {
            self.buckets.pop_front()
        } else {
            None
        };
        bucket.map(|bucket| (bucket, next))
    }

    /// Finds a time in which more were let in than the bucket held and got in that time.
    fn over_admitted(&self, bucket: Bucket, next: Bucket) -> Option<Finding> {
        let sure = bucket.sure?;
        let is_own =
            |asked: &&Asked| asked.sent >= sure && asked.received <= next.begun && asked.admitted();
        let mut admitted: Vec<&Asked> = self.asked.iter().filter(is_own).collect();
        admitted.sort_by_key(|asked| std::cmp::Reverse(asked.sent));
        for last in &admitted {
            let mut count = 0.0;
            let within = |asked: &&&Asked| asked.received <= last.received;
            for first in admitted.iter().filter(within) {
                count += 1.0;
                let time = last.received.saturating_sub(first.sent);
                if count > bucket.holds(time) + MARGIN {
                    let story = format!(
                        "let in {count} times in {time:?} at {} a second, until {:.3} s",
                        bucket.rate,
                        last.received.as_secs_f64()
                    );
                    return Some(Finding::new(Rule::WrongRate, story));
                }
            }
        }
        None
    }

    /// Finds a refusal by a bucket that cannot have been empty.
    fn unjustly_refused(&self, bucket: Bucket, next: Bucket) -> Option<Finding> {
        let sure = bucket.sure?;
        let is_own = |asked: &&Asked| {
            asked.sent >= sure && asked.received <= next.begun && asked.outcome == Outcome::Limited
        };
        let mut counted: Vec<&Asked> = self
            .asked
            .iter()
            .filter(|asked| asked.received >= bucket.begun && asked.outcome != Outcome::Limited)
            .collect();
        counted.sort_by_key(|asked| std::cmp::Reverse(asked.received));
        let refused = self.asked.iter().filter(is_own);
        let unjust = refused
            .map(|refused| (refused, bucket.least(&counted, refused)))
            .find(|(_, least)| *least >= MARGIN)?;
        let story = format!(
            "refused at {:.3} s with room for {:.1} requests at {} a second",
            unjust.0.sent.as_secs_f64(),
            unjust.1,
            bucket.rate
        );
        Some(Finding::new(Rule::WrongRate, story))
    }
}

impl Bucket {
    /// Requests that it can let in within this time.
    fn holds(&self, time: Duration) -> f64 {
        f64::from(self.rate) * (1.0 + time.as_secs_f64())
    }

    /// Requests for which it had room at least when this one was refused. Those `counted` come with
    /// the latest first.
    fn least(&self, counted: &[&Asked], refused: &Asked) -> f64 {
        let mut count = 0.0;
        let mut least = f64::from(self.rate);
        let before = |asked: &&&Asked| asked.sent <= refused.received;
        for first in counted.iter().filter(before) {
            count += 1.0;
            let time = refused.sent.saturating_sub(first.received);
            least = least.min(self.holds(time) - count);
        }
        if !self.is_full {
            let time = refused.sent.saturating_sub(self.begun);
            least = least.min(f64::from(self.rate) * time.as_secs_f64() - count);
        }
        least
    }
}

impl Asked {
    fn admitted(&self) -> bool {
        self.outcome == Outcome::Admitted
    }
}

#[cfg(test)]
mod tests;
