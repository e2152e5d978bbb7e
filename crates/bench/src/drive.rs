//! Drives a subject with wrk, and relies on nothing that it did not check.

use std::time::Duration;

use crate::answer::token;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::running::Running;
use crate::wrk::{self, Kind, Summary, Tokens};

/// Expected number of requests to the authority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ExpectedRequests {
    /// Not once: every answer was cached.
    Never,
    /// Requests for this share of all, or a little more.
    About(f64),
}

/// One load, for several subjects in turns.
pub(crate) struct Drive<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) authority: &'a Authority,
    pub(crate) load: Load,
    pub(crate) asked: ExpectedRequests,
}

impl Drive<'_> {
    /// All of them in turns of one second, each turn beginning with another one: a processor whose
    /// pace changes within seconds changes it for all.
    pub(crate) fn round(
        &self,
        round: usize,
        subjects: &[Running],
        tokens: &Tokens,
        ledger: &mut Ledger,
    ) -> Result<()> {
        (round..)
            .zip(0..self.lab.seconds)
            .try_for_each(|(first, _)| {
                turn(subjects, first)
                    .try_for_each(|running| self.once(round, running, tokens, 1, ledger))
            })
    }

    /// One run of one subject, of so many seconds.
    pub(crate) fn once(
        &self,
        round: usize,
        running: &Running,
        tokens: &Tokens,
        seconds: u64,
        ledger: &mut Ledger,
    ) -> Result<()> {
        // A new token's answer where all are new, else that of one that is cached.
        let prefix = if tokens.kind == Kind::New {
            self.lab.prefix()
        } else {
            tokens.prefix.clone()
        };
        let (sample, _) = running.ask(&token(&prefix, 0), Duration::from_secs(5))?;
        if !sample.active {
            return Err(Failure::new(format!(
                "{} answers {}",
                running.subject.name(),
                sample.status
            )));
        }
        let asked = self.authority.count()?;
        let spent = running.cpu();
        let summary = wrk::run(self.lab, running, tokens, seconds)?;
        let asked = self.authority.count()? - asked;
        let spent = running.cpu().saturating_sub(spent);

        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let requests = summary.requests.max(1) as f64;
        let cpu = micros(spent) / requests;
        let rate = requests / summary.elapsed.as_secs_f64();
        let mut add = |metric, value| ledger.add(Key(running.subject, self.load, metric), value);
        add(Metric::Cpu, cpu);
        add(Metric::Rate, rate);
        add(Metric::Median, micros(summary.median));
        add(Metric::P99, micros(summary.p99));
        let round = round + 1;
        let rounds = self.lab.rounds;
        let name = running.subject.name();
        let load = self.load;
        crate::output::print_status(&format!(
            "  {load:?} {round}/{rounds}  {name:<35} {rate:>8.0}/s  {cpu:>6.2} µs"
        ));
        if let Some(fault) = self.asked.fault(&summary, sample.bytes, asked) {
            crate::output::print_status(&format!("  void: {name}: {fault}"));
            ledger.fault(running.subject, self.load, format!("{name}: {fault}"));
        }
        Ok(())
    }
}

impl ExpectedRequests {
    /// wrk counts statuses; that the bodies were whole and active shows in the bytes, and that they
    /// were cached in what the authority was asked.
    pub(crate) fn fault(self, summary: &Summary, bytes: usize, asked: u64) -> Option<String> {
        if summary.requests < 100 {
            return Some(format!("only {} answers", summary.requests));
        }
        if summary.refused + summary.broken > 0 {
            return Some(format!(
                "{} answers refused, {} connections broken",
                summary.refused, summary.broken
            ));
        }
        let mean = summary.bytes as f64 / summary.requests as f64;
        if (mean / bytes as f64 - 1.0).abs() > 0.01 {
            return Some(format!("{mean:.0} bytes an answer instead of {bytes}"));
        }
        let share = asked as f64 / summary.requests as f64;
        match self {
            Self::Never => (asked > 0).then(|| format!("asked the authority {asked} times")),
            Self::About(expected) => {
                // Requests in flight when the clock stopped were sent but not answered.
                let off = share < expected * 0.99 || share > expected * 1.05 + 0.002;
                off.then(|| {
                    format!(
                        "asked the authority for {share:.3} of the requests instead of {expected}"
                    )
                })
            }
        }
    }
}

/// All of them, beginning with another one each round.
pub(crate) fn turn<T>(all: &[T], round: usize) -> impl Iterator<Item = &T> {
    all.iter()
        .cycle()
        .skip(round % all.len().max(1))
        .take(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreliable_run_is_reported() {
        let fine = Summary {
            requests: 100_000,
            elapsed: Duration::from_secs(1),
            bytes: 62_000_000,
            median: Duration::ZERO,
            p99: Duration::ZERO,
            refused: 0,
            broken: 0,
        };
        let fault =
            |asked: ExpectedRequests, summary: Summary, times| asked.fault(&summary, 620, times);
        assert_eq!(fault(ExpectedRequests::Never, fine.clone(), 0), None);
        assert_eq!(
            fault(ExpectedRequests::About(1.0), fine.clone(), 100_064),
            None
        );
        assert_eq!(
            fault(ExpectedRequests::About(0.1), fine.clone(), 10_006),
            None
        );
        for (asked, summary, times, told) in [
            (
                ExpectedRequests::Never,
                fine.clone(),
                1,
                "asked the authority 1 times",
            ),
            (
                ExpectedRequests::Never,
                Summary {
                    refused: 1,
                    ..fine.clone()
                },
                0,
                "1 answers refused",
            ),
            (
                ExpectedRequests::Never,
                Summary {
                    broken: 1,
                    ..fine.clone()
                },
                0,
                "1 connections broken",
            ),
            (
                ExpectedRequests::Never,
                Summary {
                    bytes: 60_000_000,
                    ..fine.clone()
                },
                0,
                "600 bytes an answer instead of 620",
            ),
            (
                ExpectedRequests::Never,
                Summary {
                    requests: 9,
                    ..fine.clone()
                },
                0,
                "only 9 answers",
            ),
            (
                ExpectedRequests::About(1.0),
                fine.clone(),
                90_000,
                "0.900 of the requests",
            ),
            (
                ExpectedRequests::About(0.1),
                fine,
                20_000,
                "0.200 of the requests",
            ),
        ] {
            assert!(
                fault(asked, summary, times).is_some_and(|fault| fault.contains(told)),
                "{told}"
            );
        }
    }

    #[test]
    fn every_round_starts_with_another_subject() {
        let begin = |round| turn(&['a', 'b', 'c'], round).copied().collect::<String>();
        assert_eq!([0, 1, 2, 3].map(begin), ["abc", "bca", "cab", "abc"]);
        assert_eq!(turn::<char>(&[], 1).count(), 0);
    }
}
