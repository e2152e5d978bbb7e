//! All that the oracle knows, shared by whoever acts and whoever asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cast::{Caller, Replica, Variant, WELL, Which};
use crate::oracle::changes::Changes;
use crate::oracle::fetching::Fetching;
use crate::oracle::finding::{Finding, Rule};
use crate::oracle::forgetting::{Cause, Effect, Forgetting};
use crate::oracle::journal::Journal;
use crate::oracle::judge::{Circumstances, Question, judge};
use crate::oracle::meter::{Meter, Outcome};
use crate::oracle::moment::{Exchange, Watch};
use crate::oracle::seen::Seen;
use crate::oracle::tally::Tally;
use crate::oracle::terms::Terms;
use crate::oracle::waits::Waits;
use crate::oracle::weather::{Kind, Weather};
use crate::oracle::{keep_latest, locked};

/// The oracle.
pub(crate) struct Oracle {
    pub(crate) watch: Watch,
    pub(crate) terms: Terms,
    pub(crate) weather: Weather,
    pub(crate) journal: Journal,
    pub(crate) tally: Tally,
    pub(crate) waits: Waits,
    forgettings: Mutex<Vec<(Option<Which>, Forgetting)>>,
    /// Seconds that the process's clock is ahead.
    clock: Changes<i64>,
    configuration: Changes<Variant>,
    fetching: Fetching,
    replicas: Vec<Known>,
}

/// Knowledge about one replica.
struct Known {
    /// Faults of the process, and of its way to Redis.
    weather: Weather,
    meter: Meter,
}

/// Faults become known within this time: what nothing explained is judged again then.
const RECONSIDERED: Duration = Duration::from_secs(3);

impl Oracle {
    pub(crate) fn new(watch: Watch, terms: Terms, replicas: usize) -> Self {
        let known = || Known {
            weather: Weather::default(),
            meter: Meter::new(terms.rate(Variant::FIRST)),
        };
        Self {
            watch,
            terms,
            weather: Weather::default(),
            journal: Journal::default(),
            tally: Tally::default(),
            waits: Waits::default(),
            forgettings: Mutex::default(),
            clock: Changes::new(0),
            configuration: Changes::new(Variant::FIRST),
            fetching: Fetching::new(replicas),
            replicas: std::iter::repeat_with(known).take(replicas).collect(),
        }
    }

    /// A fault of this replica began at this moment.
    pub(crate) fn ails(&self, replica: Replica, kind: Kind, from: Duration) {
        let act = format!("{kind:?} begins at replica {}", replica.0);
        self.journal.note(from, act);
        if let Some(known) = self.replicas.get(replica.0) {
            known.weather.begin(kind, None, from);
        }
    }

    /// A fault of this replica is over.
    pub(crate) fn recovers(&self, replica: Replica, kind: Kind) {
        let act = format!("{kind:?} ends at replica {}", replica.0);
        self.journal.note(self.watch.at(), act);
        if let Some(known) = self.replicas.get(replica.0) {
            known.weather.end(kind, None, self.watch.at());
        }
    }

    /// Returns true if this replica had no fault of its own since this moment.
    pub(crate) fn is_well_since(&self, replica: Replica, from: Duration) -> bool {
        let known = self.replicas.get(replica.0);
        let spells = known.map(|it| it.weather.between(from, self.watch.at(), Duration::ZERO));
        spells.is_some_and(|spells| spells.is_empty())
    }

    /// Facts of a provider, or of all, were forgotten from this moment on.
    pub(crate) fn forgot(
        &self,
        provider: Option<Which>,
        begun: Duration,
        done: Effect,
        cause: Cause,
    ) {
        if cause == Cause::Reload && provider.is_some_and(Which::is_local) {
            self.fetching.began_anew();
        }
        let forgetting = Forgetting { begun, done, cause };
        let mut forgettings = locked(&self.forgettings);
        forgettings.push((provider, forgetting));
        keep_latest(&mut forgettings);
    }

    /// The process's clock is about to be so many seconds ahead.
    pub(crate) fn clock_jumps(&self, ahead: i64) {
        self.clock.begin(self.watch.at(), ahead);
    }

    /// Notes that the latest jump has surely arrived.
    pub(crate) fn clock_jumped(&self) {
        self.clock.settle(self.watch.at());
    }

    /// A configuration is about to replace another one.
    pub(crate) fn reloads(&self, replica: Replica, old: Variant, new: Variant) {
        let now = self.watch.at();
        self.configuration.begin(now, new);
        if old.is_generous != new.is_generous {
            self.meter(replica, |meter| meter.begin(now, self.terms.rate(new)));
        }
    }

    /// Notes that the latest configuration is in force.
    pub(crate) fn reloaded(&self, replica: Replica) {
        let now = self.watch.at();
        self.configuration.settle(now);
        self.meter(replica, |meter| meter.settle(now));
    }

    /// A process is about to be replaced by a new one with the same configuration.
    pub(crate) fn restarts(&self, replica: Replica, variant: Variant) {
        let now = self.watch.at();
        self.meter(replica, |meter| meter.begin(now, self.terms.rate(variant)));
    }

    /// Notes that the new process is in place of the one that ended at this moment or later. It
    /// knows nothing of what that one knew, but for what others of its fleet know.
    pub(crate) fn restarted(&self, replica: Replica, ended: Duration) {
        let now = self.watch.at();
        self.fetching.began_anew();
        self.meter(replica, |meter| meter.settle(now));
        if self.terms.sharing.is_none() {
            self.forgot(None, ended, Effect::only(replica, now), Cause::Restart);
        }
    }

    fn meter(&self, replica: Replica, change: impl FnOnce(&Meter)) {
        if let Some(known) = self.replicas.get(replica.0) {
            change(&known.meter);
        }
    }

    /// Judges an answer and counts it; once more after some seconds, where a fault that becomes
    /// known meanwhile may explain it.
    pub(crate) fn hear(self: &Arc<Self>, question: &Question, exchange: &Exchange, seen: Seen) {
        self.tally.answered(&seen, exchange);
        if question.provider.is_local() {
            self.tally
                .did(format!("answer about a JWT: {}", seen.word()));
        }
        if question.provider == WELL && question.caller != Caller::Operator {
            self.tally.answered_well(exchange);
        }
        if question.caller == Caller::Metered {
            self.meter(question.replica, |meter| {
                meter.heard(exchange, outcome(&seen));
            });
        }
        match self.judge(question, exchange, &seen) {
            Ok(()) => {}
            Err(finding) if finding.rule.waits() => {
                let (oracle, question, exchange) = (Arc::clone(self), question.clone(), *exchange);
                tokio::spawn(async move {
                    tokio::time::sleep(RECONSIDERED).await;
                    if let Err(finding) = oracle.judge(&question, &exchange, &seen) {
                        oracle.tally.found(finding);
                    }
                });
            }
            Err(finding) => self.tally.found(finding),
        }
    }

    /// Judges whether the rate of a caller was kept, some seconds afterwards.
    pub(crate) fn judge_rates(&self) {
        for known in &self.replicas {
            for finding in known.meter.judge(self.watch.at()) {
                self.tally.found(finding);
            }
        }
    }

    /// Judges the rates of the time until now, once all answers are known.
    pub(crate) fn judge_last_rates(&self) {
        for known in &self.replicas {
            for finding in known.meter.end(self.watch.at()) {
                self.tally.found(finding);
            }
        }
    }

    /// Judges how often keys were fetched until now.
    pub(crate) fn judge_fetches(&self, fetches: u64) {
        if let Err(finding) = self.fetching.judge(fetches, self.watch.at()) {
            self.tally.found(finding);
        }
    }

    /// Counts a finding about the process itself.
    pub(crate) fn complain(&self, rule: Rule, story: impl Into<String>) {
        self.tally.found(Finding::new(rule, story));
    }

    fn judge(&self, question: &Question, exchange: &Exchange, seen: &Seen) -> Result<(), Finding> {
        let circumstances = self.circumstances(question, exchange);
        judge(question, exchange, seen, &circumstances, &self.terms).map_err(|finding| {
            let before = self.journal.until(exchange.received.at);
            Finding::new(
                finding.rule,
                format!("{}; before it: {before}", finding.story),
            )
        })
    }

    fn circumstances(&self, question: &Question, exchange: &Exchange) -> Circumstances {
        let (from, to) = (exchange.sent.at, exchange.received.at);
        let lag = self.terms.lag(question.provider);
        let ours = |provider: Option<Which>| provider.is_none_or(|it| it == question.provider);
        let mut spells = self.weather.between(from, to, lag);
        spells.retain(|spell| ours(spell.provider));
        if let Some(known) = self.replicas.get(question.replica.0) {
            spells.extend(known.weather.between(from, to, lag));
        }
        let own = self.replicas.get(question.replica.0);
        let own = own.map(|known| known.weather.all()).unwrap_or_default();
        let forgettings = locked(&self.forgettings)
            .iter()
            .filter(|(provider, _)| ours(*provider))
            .map(|(_, forgetting)| *forgetting)
            .collect();
        let memory = self.terms.timeout + self.terms.inactive_ttl;
        // A request that others wait for as well began earlier, by its timeout at most.
        let flight = from.saturating_sub(self.terms.timeout);
        Circumstances {
            spells,
            own,
            forgettings,
            clock: range(&self.clock.between(from, to)),
            clock_before: range(&self.clock.between(from.saturating_sub(memory), to)),
            configurations: self.configuration.between(from, to),
            waited: self.waits.between(flight, to),
        }
    }
}

fn outcome(seen: &Seen) -> Outcome {
    match seen {
        Seen::Limited(_) => Outcome::Limited,
        Seen::Lost { .. } => Outcome::Unknown,
        Seen::Active(_)
        | Seen::Inactive
        | Seen::Insufficient
        | Seen::Unknown
        | Seen::Forbidden
        | Seen::Failed { .. }
        | Seen::Odd(_) => Outcome::Admitted,
    }
}

fn range(values: &[i64]) -> (i64, i64) {
    let least = values.iter().min().copied().unwrap_or_default();
    let greatest = values.iter().max().copied().unwrap_or_default();
    (least, greatest)
}
