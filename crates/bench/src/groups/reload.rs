use std::time::{Duration, Instant};

use crate::beside::{Stop, beside};
use crate::configuration;
use crate::drive::turn;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Disturbance, Ledger, Load};
use crate::paced::{Paced, RUNS_A_ROUND};
use crate::running::Running;

const TOKENS: u64 = 10_000;
/// Rate of hits, a second.
const RATE: f64 = 20_000.0;
const EVERY: Duration = Duration::from_secs(1);
/// Time that a reload may take to be counted.
const PATIENCE: Duration = Duration::from_secs(5);

/// Latency of hits, and requests that fail, while the configuration is changed and reloaded.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start_with(lab, authority.port, &sections(authority.port, 0))?;
    let prefix = lab.prefix();
    running.fill(&prefix, 0..TOKENS)?;
    let paced = Paced {
        authority: &authority,
        prefix: &prefix,
        tokens: TOKENS,
        rate: RATE,
    };
    let mut reloader = Reloader {
        running: &running,
        authority: authority.port,
        done: 0,
    };
    for round in 0..lab.rounds * RUNS_A_ROUND {
        let all = [Disturbance::QuietBeforeReload, Disturbance::Reload];
        for disturbance in turn(&all, round) {
            let load = Load::Beside(*disturbance);
            if *disturbance == Disturbance::QuietBeforeReload {
                paced.once(&running, load, ledger)?;
                continue;
            }
            let outcome = reloader.beside(|| paced.measure(&running, load, ledger))?;
            ledger.note(Load::ReloadFailed, outcome.failed() as f64);
            // Facts of a provider that did not change stay.
            if let Err(fault) = outcome.judge_asked(load) {
                ledger.fault(running.subject, load, fault.to_string());
            }
            reloader.check()?;
        }
    }
    Ok(())
}

/// A caller, a policy and a provider, each of which differs from those of another number.
fn sections(authority: u16, number: u32) -> String {
    let more = format!(
        "match = {{ prefix = \"other\" }}\ntimeout = \"{}ms\"\n",
        1000 + number
    );
    format!(
        "[callers.other]\nsecret = {{ literal = \"secret-{number}\" }}\nrate = \"{}/s\"\n\
         [policies.other]\nscope = [\"scope-{number}\"]\n{}",
        1000 + number,
        configuration::provider("other", authority, &more)
    )
}

/// Operator that changes and reloads the configuration.
struct Reloader<'a> {
    running: &'a Running,
    authority: u16,
    /// Number of reloads so far.
    done: u32,
}

impl Reloader<'_> {
    /// Does this work while the configuration is reloaded again and again.
    fn beside<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let reloading = |stop: &Stop| {
            stop.repeat(EVERY, || {
                self.done += 1;
                self.running.reload(&sections(self.authority, self.done))
            })
        };
        beside(reloading, work).map(|(worked, ())| worked)
    }

    /// Fails if a reload was refused, or the latest one is not in force.
    fn check(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (metrics, _) = self.running.scrape()?;
            let of = |outcome: &str| {
                metrics.sum(
                    "introspectd_config_reloads_total",
                    &format!("\"{outcome}\""),
                )
            };
            let (applied, refused) = (of("applied"), of("refused"));
            if applied >= f64::from(self.done) && refused == 0.0 {
                return Ok(());
            }
            if refused > 0.0 || Instant::now() > end {
                return Err(Failure::new(format!(
                    "of {} reloads {applied} were applied, {refused} refused",
                    self.done
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
