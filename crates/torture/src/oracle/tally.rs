//! Counts of a run: answers, delays, events and findings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::oracle::finding::{Finding, Rule};
use crate::oracle::moment::Exchange;
use crate::oracle::seen::Seen;

/// Counts so far.
#[derive(Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    counts: Mutex<Counts>,
}

/// Counts that only the report needs.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    /// Answers by what they said.
    pub(crate) answers: BTreeMap<&'static str, u64>,
    /// Requests by the way they came.
    pub(crate) ways: BTreeMap<&'static str, u64>,
    /// Delays by what the answer said.
    pub(crate) delays: BTreeMap<&'static str, Delays>,
    /// Acts on the process and its providers.
    pub(crate) events: BTreeMap<String, u64>,
    /// Findings by rule.
    pub(crate) findings: BTreeMap<Rule, u64>,
    /// The first findings, in full.
    pub(crate) stories: Vec<Finding>,
    /// Greatest resident memory of the process.
    pub(crate) memory: u64,
    /// Times from the answer to a purge to the refusal at another replica, while both heard.
    pub(crate) heard: Delays,
    /// The same, while one of them or Redis had a fault.
    pub(crate) unheard: Delays,
    /// Delays of answers about tokens of the provider that is always well.
    pub(crate) well: Delays,
}

/// Delays in buckets that grow by an eighth.
#[derive(Clone, Default)]
pub(crate) struct Delays {
    buckets: BTreeMap<u32, u64>,
    count: u64,
    greatest: Duration,
}

/// Findings that are kept in full.
const STORIES: usize = 40;

impl Tally {
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub(crate) fn answered(&self, seen: &Seen, exchange: &Exchange) {
        self.requests.fetch_add(1, Relaxed);
        let mut counts = self.locked();
        *counts.answers.entry(seen.word()).or_default() += 1;
        counts
            .delays
            .entry(seen.word())
            .or_default()
            .add(exchange.delay());
    }

    pub(crate) fn came_by(&self, way: &'static str) {
        *self.locked().ways.entry(way).or_default() += 1;
    }

    pub(crate) fn did(&self, event: impl Into<String>) {
        self.did_times(event, 1);
    }

    pub(crate) fn did_times(&self, event: impl Into<String>, times: u64) {
        *self.locked().events.entry(event.into()).or_default() += times;
    }

    pub(crate) fn found(&self, finding: Finding) {
        let mut counts = self.locked();
        *counts.findings.entry(finding.rule).or_default() += 1;
        if counts.stories.len() < STORIES {
            counts.stories.push(finding);
        }
    }

    /// Counts the way of a purge to another replica.
    pub(crate) fn spread(&self, hears: bool, delay: Duration) {
        let mut counts = self.locked();
        let delays = if hears {
            &mut counts.heard
        } else {
            &mut counts.unheard
        };
        delays.add(delay);
    }

    /// Counts an answer about a token whose provider has no faults.
    pub(crate) fn answered_well(&self, exchange: &Exchange) {
        self.locked().well.add(exchange.delay());
    }

    pub(crate) fn took_memory(&self, bytes: u64) {
        let mut counts = self.locked();
        counts.memory = counts.memory.max(bytes);
    }

    /// Number of findings.
    pub(crate) fn findings(&self) -> u64 {
        self.locked().findings.values().sum()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delays {
    fn add(&mut self, delay: Duration) {
        *self.buckets.entry(bucket(delay)).or_default() += 1;
        self.count += 1;
        self.greatest = self.greatest.max(delay);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn greatest(&self) -> Duration {
        self.greatest
    }

    /// Upper end of the bucket that holds this share of the delays.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let wanted = self.count as f64 * share;
        let mut passed = 0.0;
        for (bucket, count) in &self.buckets {
            passed += *count as f64;
            if passed >= wanted {
                return upper_end(*bucket).min(self.greatest);
            }
        }
        self.greatest
    }
}

/// Factor between the ends of a bucket.
const GROWTH: f64 = 1.125;

fn bucket(delay: Duration) -> u32 {
    let micros = delay.as_micros().max(1) as f64;
    let bucket = micros.ln() / GROWTH.ln();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and some 400: a logarithm of at least one microsecond"
    )]
    let bucket = bucket as u32;
    bucket
}

fn upper_end(bucket: u32) -> Duration {
    Duration::from_secs_f64(GROWTH.powi(bucket.cast_signed() + 1) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_an_eighth() {
        let mut delays = Delays::default();
        for millis in 1..=1000 {
            delays.add(Duration::from_millis(millis));
        }
        let median = delays.percentile(0.5).as_secs_f64();
        assert!((0.5..0.5 * GROWTH * 1.001).contains(&median), "{median}");
        assert_eq!(delays.percentile(1.0), Duration::from_secs(1));
        assert_eq!(delays.greatest(), Duration::from_secs(1));
    }
}
