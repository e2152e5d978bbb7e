//! Figures, their targets, and how each is computed.

mod all;
mod fleet;
mod jwt;
mod row;
mod signed;

use crate::group::Group;
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::number::{median, ratios, spread};
use crate::subject::Subject::Introspectd;

/// All figures, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Figure> {
    all::FIGURES
        .iter()
        .chain(fleet::FIGURES)
        .chain(jwt::FIGURES)
        .chain(signed::FIGURES)
}

/// One row of the table.
pub(crate) struct Figure {
    pub(crate) group: Group,
    pub(crate) name: &'static str,
    pub(crate) reach: Reach,
    pub(crate) unit: Unit,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    AtMost(f64),
    AtLeast(f64),
    /// None: the figure is information.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    Times,
    Bytes,
    Milliseconds,
    Mebibytes,
    Kibibytes,
    Microseconds,
    Nanoseconds,
    PerSecond,
    Calls,
    /// Share of the answers, from 0 to 1.
    Share,
}

enum Value {
    Plain(Key),
    /// Ratio of two keys, round by round.
    Ratio(Key, Key),
    /// Ratio of a key to the sum of two others, round by round.
    ToSum(Key, [Key; 2]),
    /// Ratio of a key to that of the others with the least median. The same one for all rounds: the
    /// luckiest of several in each would be better than any of them is.
    ToLeast(Key, [Key; 3]),
    /// Cost of a hit while a tenth of the requests miss, relative to its cost alone. The share of
    /// the misses, at their cost without other load, is subtracted.
    HitAmongMisses,
}

/// Outcome of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Measured {
        median: f64,
        least: f64,
        most: f64,
        rounds: usize,
        met: bool,
    },
    /// Something was wrong with the measurement.
    Void(String),
    NotMeasured,
}

const fn own(load: Load, metric: Metric) -> Key {
    Key(Introspectd, load, metric)
}

impl Figure {
    pub(crate) fn outcome(&self, ledger: &Ledger) -> Outcome {
        let rounds = match self.value.rounds(ledger) {
            Ok(rounds) => rounds,
            Err(why) => return Outcome::Void(why.to_owned()),
        };
        let (Some(median), Some((least, most))) = (median(&rounds), spread(&rounds)) else {
            return Outcome::NotMeasured;
        };
        Outcome::Measured {
            median,
            least,
            most,
            rounds: rounds.len(),
            met: self.reach.is_met(median),
        }
    }

    /// The loads of introspectd that it is computed from.
    pub(crate) fn loads(&self) -> Vec<Load> {
        match &self.value {
            Value::Plain(Key(_, load, _)) | Value::ToLeast(Key(_, load, _), _) => vec![*load],
            Value::ToSum(Key(_, load, _), others) => {
                let others = others.iter().map(|Key(_, load, _)| *load);
                [*load].into_iter().chain(others).collect()
            }
            Value::Ratio(Key(_, load, _), Key(Introspectd, other, _)) => vec![*load, *other],
            Value::Ratio(Key(_, load, _), _) => vec![*load],
            Value::HitAmongMisses => vec![Load::FullHits, Load::FullMixed, Load::FullMisses],
        }
    }
}

impl Value {
    fn rounds<'a>(&self, ledger: &'a Ledger) -> Result<Vec<f64>, &'a str> {
        Ok(match self {
            Self::Plain(key) => ledger.rounds(*key)?.to_vec(),
            Self::Ratio(top, bottom) => ratios(ledger.rounds(*top)?, ledger.rounds(*bottom)?),
            Self::ToSum(key, [one, other]) => {
                let pairs = ledger.rounds(*one)?.iter().zip(ledger.rounds(*other)?);
                let sums: Vec<f64> = pairs.map(|(one, other)| one + other).collect();
                ratios(ledger.rounds(*key)?, &sums)
            }
            Self::ToLeast(key, others) => {
                let mut best: &[f64] = &[];
                for other in others {
                    let rounds = ledger.rounds(*other)?;
                    if best.is_empty() || median(rounds) < median(best) {
                        best = rounds;
                    }
                }
                ratios(ledger.rounds(*key)?, best)
            }
            Self::HitAmongMisses => {
                let cost = |load| ledger.rounds(own(load, Metric::Cpu));
                let (alone, mixed, miss) = (
                    cost(Load::FullHits)?,
                    cost(Load::FullMixed)?,
                    cost(Load::FullMisses)?,
                );
                let hits: Vec<f64> = mixed
                    .iter()
                    .zip(miss)
                    .map(|(mixed, miss)| (mixed - miss / 10.0) / 0.9)
                    .collect();
                ratios(&hits, alone)
            }
        })
    }
}

impl Reach {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::Open => true,
        }
    }

    /// Share of the target that is used, if there is one: up to 1 it is met.
    pub(crate) fn used(self, value: f64) -> Option<f64> {
        match self {
            // Nothing at all is asked for: any of it is too much.
            Self::AtMost(0.0) => Some(1.0 + value),
            Self::AtMost(most) => Some(value / most),
            Self::AtLeast(least) => Some(least / value),
            Self::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reach::{AtLeast, AtMost};
    use super::*;
    use crate::ledger::Load::Hits;
    use crate::ledger::Metric::{Cpu, P99};
    use crate::subject::Subject::{Floor, Lua, OpenFileCache, ProxyCache};

    fn figure(name: &str) -> &'static Figure {
        all().find(|figure| figure.name.starts_with(name)).unwrap()
    }

    fn ledger(rounds: &[(Key, &[f64])]) -> Ledger {
        let mut ledger = Ledger::default();
        for (key, values) in rounds {
            values.iter().for_each(|value| ledger.add(*key, *value));
        }
        ledger
    }

    #[test]
    fn ratio_is_the_median_of_the_rounds() {
        let figure = figure("hit, 1 token: CPU to bare");
        let mut ledger = ledger(&[
            (own(Hits(1), Cpu), &[11.0, 10.5, 30.0]),
            (Key(Floor, Hits(1), Cpu), &[10.0, 10.0, 20.0]),
        ]);
        let expected = Outcome::Measured {
            median: 1.1,
            least: 1.05,
            most: 1.5,
            rounds: 3,
            met: true,
        };
        assert_eq!(figure.outcome(&ledger), expected);
        ledger.fault(Floor, Hits(1), "3 answers were refused");
        assert_eq!(
            figure.outcome(&ledger),
            Outcome::Void("3 answers were refused".to_owned())
        );
        assert_eq!(figure.outcome(&Ledger::default()), Outcome::NotMeasured);
    }

    #[test]
    fn best_peer_is_the_same_in_all_rounds() {
        let ledger = ledger(&[
            (own(Load::Paced, P99), &[100.0, 100.0, 100.0]),
            (Key(ProxyCache, Load::Paced, P99), &[50.0, 400.0, 400.0]),
            (Key(OpenFileCache, Load::Paced, P99), &[200.0, 200.0, 80.0]),
            (Key(Lua, Load::Paced, P99), &[300.0, 300.0, 300.0]),
        ]);
        let expected = Outcome::Measured {
            median: 0.5,
            least: 0.5,
            most: 1.25,
            rounds: 3,
            met: true,
        };
        assert_eq!(figure("p99").outcome(&ledger), expected);
    }

    #[test]
    fn misses_are_subtracted_from_a_mixed_load() {
        let ledger = ledger(&[
            (own(Load::FullHits, Cpu), &[10.0]),
            (own(Load::FullMixed, Cpu), &[13.5]),
            (own(Load::FullMisses, Cpu), &[45.0]),
        ]);
        let expected = Outcome::Measured {
            median: 1.0,
            least: 1.0,
            most: 1.0,
            rounds: 1,
            met: true,
        };
        assert_eq!(figure("full cache: a hit").outcome(&ledger), expected);
    }

    #[test]
    fn figure_is_met_up_to_its_target() {
        assert!(AtMost(1.2).is_met(1.2) && !AtMost(1.2).is_met(1.21));
        assert!(AtLeast(0.85).is_met(0.85) && !AtLeast(0.85).is_met(0.84));
        assert_eq!(
            (AtMost(2.0).used(1.0), AtLeast(0.5).used(1.0)),
            (Some(0.5), Some(0.5))
        );
        assert_eq!(
            (AtMost(0.0).used(0.0), AtMost(0.0).used(0.5)),
            (Some(1.0), Some(1.5))
        );
        assert_eq!(
            (Reach::Open.is_met(9.0), Reach::Open.used(9.0)),
            (true, None)
        );
    }

    #[test]
    fn figure_names_are_unique() {
        let mut names: Vec<_> = all().map(|figure| figure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
    }
}
