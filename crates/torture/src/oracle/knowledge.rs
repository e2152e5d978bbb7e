//! All that the oracle knows, shared by whoever acts and whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cast::Which;
use crate::oracle::finding::{Finding, Rule};
use crate::oracle::forgetting::Forgetting;
use crate::oracle::judge::{Circumstances, Presence, Question, Terms, judge};
use crate::oracle::moment::{Exchange, Watch};
use crate::oracle::seen::Seen;
use crate::oracle::tally::Tally;
use crate::oracle::weather::Weather;

/// The oracle.
pub(crate) struct Oracle {
    pub(crate) watch: Watch,
    pub(crate) terms: Terms,
    pub(crate) weather: Weather,
    pub(crate) tally: Tally,
    forgettings: Mutex<Vec<(Option<Which>, Forgetting)>>,
    clock: Mutex<Vec<(Duration, Change<i64>)>>,
    guest: Mutex<Vec<(Duration, Change<bool>)>>,
}

/// A change that takes effect between two moments: the first stands beside it.
#[derive(Clone, Copy, Debug)]
struct Change<T> {
    value: T,
    /// Surely in effect from this moment on; `None` while that is not known.
    sure: Option<Duration>,
}

/// Entries of each list that are kept: far more than one exchange can overlap.
const KEPT: usize = 256;

impl Oracle {
    pub(crate) fn new(watch: Watch, terms: Terms) -> Self {
        let always = |value| (Duration::ZERO, value);
        Self {
            watch,
            terms,
            weather: Weather::default(),
            tally: Tally::default(),
            forgettings: Mutex::default(),
            clock: Mutex::new(vec![always(Change {
                value: 0,
                sure: Some(Duration::ZERO),
            })]),
            guest: Mutex::new(vec![(
                Duration::ZERO,
                Change {
                    value: true,
                    sure: Some(Duration::ZERO),
                },
            )]),
        }
    }

    /// Facts of a provider, or of all, were forgotten between these moments.
    pub(crate) fn forgot(&self, provider: Option<Which>, begun: Duration, done: Duration) {
        let mut forgettings = locked(&self.forgettings);
        forgettings.push((provider, Forgetting { begun, done }));
        keep_latest(&mut forgettings);
    }

    /// The process's clock is about to be so many seconds ahead.
    pub(crate) fn clock_jumps(&self, ahead: i64) {
        begin(&self.clock, self.watch.at(), ahead);
    }

    /// Notes that the latest jump has surely arrived.
    pub(crate) fn clock_jumped(&self) {
        settle(&self.clock, self.watch.at());
    }

    /// A configuration with or without the guest is about to be loaded.
    pub(crate) fn guest_changes(&self, there: bool) {
        begin(&self.guest, self.watch.at(), there);
    }

    /// Notes that the latest configuration is in force.
    pub(crate) fn guest_changed(&self) {
        settle(&self.guest, self.watch.at());
    }

    /// Judges an answer and counts it. Returns the finding if it may still be explained.
    pub(crate) fn hear(
        &self,
        question: &Question,
        exchange: &Exchange,
        seen: &Seen,
    ) -> Option<Finding> {
        self.tally.answered(seen, exchange);
        match self.judge(question, exchange, seen) {
            Ok(()) => None,
            Err(finding) if finding.rule.waits() => Some(finding),
            Err(finding) => {
                self.tally.found(finding);
                None
            }
        }
    }

    /// Judges once more what nothing explained at first.
    pub(crate) fn reconsider(&self, question: &Question, exchange: &Exchange, seen: &Seen) {
        if let Err(finding) = self.judge(question, exchange, seen) {
            self.tally.found(finding);
        }
    }

    /// Counts a finding about the process itself.
    pub(crate) fn complain(&self, rule: Rule, story: impl Into<String>) {
        self.tally.found(Finding::new(rule, story));
    }

    fn judge(&self, question: &Question, exchange: &Exchange, seen: &Seen) -> Result<(), Finding> {
        let circumstances = self.circumstances(question, exchange);
        judge(question, exchange, seen, &circumstances, &self.terms)
    }

    fn circumstances(&self, question: &Question, exchange: &Exchange) -> Circumstances {
        let (from, to) = (exchange.sent.at, exchange.received.at);
        let ours = |provider: Option<Which>| provider.is_none_or(|it| it == question.provider);
        let mut spells = self.weather.between(from, to, self.terms.lag);
        spells.retain(|spell| ours(spell.provider));
        let forgettings = locked(&self.forgettings)
            .iter()
            .filter(|(provider, _)| ours(*provider))
            .map(|(_, forgetting)| *forgetting)
            .collect();
        let guest = values(&self.guest, from, to);
        let memory = self.terms.timeout + self.terms.inactive_ttl;
        Circumstances {
            spells,
            forgettings,
            clock: range(&values(&self.clock, from, to)),
            clock_before: range(&values(&self.clock, from.saturating_sub(memory), to)),
            guest: Presence {
                may_be_there: guest.contains(&true),
                may_be_gone: guest.contains(&false),
            },
        }
    }
}

/// Values that may have been in effect at some moment between these.
fn values<T: Copy>(
    changes: &Mutex<Vec<(Duration, Change<T>)>>,
    from: Duration,
    to: Duration,
) -> Vec<T> {
    let changes = locked(changes);
    let surely_replaced = |index: usize| {
        changes
            .iter()
            .skip(index + 1)
            .any(|(_, next)| next.sure.is_some_and(|sure| sure <= from))
    };
    let possible = changes
        .iter()
        .enumerate()
        .filter(|(index, (begun, _))| *begun <= to && !surely_replaced(*index));
    possible.map(|(_, (_, change))| change.value).collect()
}

fn range(values: &[i64]) -> (i64, i64) {
    let least = values.iter().min().copied().unwrap_or_default();
    let greatest = values.iter().max().copied().unwrap_or_default();
    (least, greatest)
}

fn begin<T>(changes: &Mutex<Vec<(Duration, Change<T>)>>, at: Duration, value: T) {
    let mut changes = locked(changes);
    changes.push((at, Change { value, sure: None }));
    keep_latest(&mut changes);
}

fn settle<T>(changes: &Mutex<Vec<(Duration, Change<T>)>>, at: Duration) {
    if let Some((_, change)) = locked(changes).last_mut() {
        change.sure = Some(at);
    }
}

fn keep_latest<T>(list: &mut Vec<T>) {
    if list.len() > KEPT {
        list.drain(..KEPT / 2);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
