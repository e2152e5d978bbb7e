//! Time that the machine kept threads of the process and of its judge waiting for a processor.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use crate::oracle::locked;

/// Waiting times of all threads in sum, sampled.
#[derive(Default)]
pub(crate) struct Waits(Mutex<VecDeque<Sample>>);

#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    /// Since the start of the run.
    total: Duration,
}

/// Samples that are kept: of some minutes.
const KEPT: usize = 2000;

impl Waits {
    /// Adds what all threads together waited since the last sample.
    pub(crate) fn add(&self, at: Duration, waited: Duration) {
        let mut samples = locked(&self.0);
        let total = samples.back().map_or(Duration::ZERO, |last| last.total) + waited;
        samples.push_back(Sample { at, total });
        if samples.len() > KEPT {
            samples.pop_front();
        }
    }

    /// Sum of all waits so far.
    pub(crate) fn total(&self) -> Duration {
        locked(&self.0)
            .back()
            .map_or(Duration::ZERO, |last| last.total)
    }

    /// Sum of waits between these moments, and at most one sample on each side.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> Duration {
        let samples = locked(&self.0);
        let before = samples.iter().rev().find(|sample| sample.at <= from);
        let after = samples.iter().find(|sample| sample.at >= to);
        let total = |sample: Option<&Sample>| sample.map(|sample| sample.total);
        let begin = total(before).or(total(samples.front()));
        let end = total(after).or(total(samples.back()));
        end.unwrap_or_default()
            .saturating_sub(begin.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_those_of_the_samples_around() {
        let millis = Duration::from_millis;
        let waits = Waits::default();
        assert_eq!(waits.between(millis(0), millis(9)), Duration::ZERO);
        for tenth in 1..=5 {
            waits.add(millis(tenth * 100), millis(10));
        }
        assert_eq!(waits.between(millis(200), millis(300)), millis(10));
        assert_eq!(waits.between(millis(210), millis(290)), millis(10));
        assert_eq!(waits.between(millis(150), millis(310)), millis(30));
        assert_eq!(waits.between(millis(450), millis(900)), millis(10));
        assert_eq!(waits.total(), millis(50));
    }
}
