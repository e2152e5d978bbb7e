//! Requests at a fixed arrival rate, and what their latency is.

use std::time::Duration;

use crate::answer::token;
use crate::client::{Plan, Report};
use crate::failure::{Failure, Result};
use crate::lab::Authority;
use crate::ledger::{Disturbance, Key, Ledger, Load, Metric};
use crate::number::whole;
use crate::running::Running;
use crate::subject::Subject;

/// A moment in which the machine does something else is in the p99 of a run. Many short runs keep
/// it out of most.
pub(crate) const RUNS_A_ROUND: usize = 3;
pub(crate) const SECONDS: u64 = 2;

/// Requests about so many tokens, which are cached but for [`Load::Neighbour`], at this rate.
pub(crate) struct Paced<'a> {
    pub(crate) authority: &'a Authority,
    pub(crate) prefix: &'a str,
    pub(crate) tokens: u64,
    /// Rate of requests, a second.
    pub(crate) rate: f64,
}

/// Results of a run.
pub(crate) struct Outcome {
    requests: u64,
    report: Report,
    /// Requests to the authority.
    asked: u64,
}

impl Paced<'_> {
    /// One run of one subject, on 64 connections. A miss or an answer that is not active voids the
    /// load.
    pub(crate) fn once(&self, running: &Running, load: Load, ledger: &mut Ledger) -> Result<()> {
        let outcome = self.measure(running, load, ledger)?;
        if let Err(fault) = outcome.judge(load) {
            let name = running.subject.name();
            ledger.fault(running.subject, load, format!("{name}: {fault}"));
        }
        Ok(())
    }

    /// One run of one subject, whatever the answers are.
    pub(crate) fn measure(
        &self,
        running: &Running,
        load: Load,
        ledger: &mut Ledger,
    ) -> Result<Outcome> {
        let Self {
            authority,
            prefix,
            tokens,
            rate,
        } = *self;
        let requests = whole(rate * SECONDS as f64);
        let plan = Plan {
            port: running.port,
            endpoint: running.endpoint,
            connections: 64,
            requests,
            rate: Some(rate),
            timeout: Duration::from_secs(SECONDS + 10),
            // The stride of wrk.lua.
            token: &|number| token(prefix, number.wrapping_mul(7919) % tokens),
        };
        let asked = authority.count()?;
        let spent = running.cpu();
        let mut report = plan.run()?;
        let asked = authority.count()? - asked;
        let spent = running.cpu().saturating_sub(spent);
        if !matches!(load, Load::Beside(_) | Load::Neighbour(_)) {
            // Beside other work it would be the cost of that, too.
            let cpu = spent.as_secs_f64() * 1e6 / requests as f64;
            ledger.add(Key(running.subject, load, Metric::Cpu), cpu);
        }
        note_latency(running.subject, load, requests, &mut report, ledger);
        Ok(Outcome {
            requests,
            report,
            asked,
        })
    }
}

/// Records rate and latency of a run.
fn note_latency(
    subject: Subject,
    load: Load,
    requests: u64,
    report: &mut Report,
    ledger: &mut Ledger,
) {
    let median = report.percentile(0.5);
    let p99 = report.percentile(0.99);
    let mut add = |metric, value| ledger.add(Key(subject, load, metric), value);
    add(Metric::Rate, requests as f64 / report.elapsed.as_secs_f64());
    add(Metric::Median, median.as_secs_f64() * 1e6);
    add(Metric::P99, p99.as_secs_f64() * 1e6);
    let name = subject.name();
    let median = median.as_micros();
    let p99 = p99.as_micros();
    crate::output::print_status(&format!(
        "  {load:?}  {name:<35} p50 {median:>6} µs  p99 {p99:>6} µs"
    ));
}

impl Outcome {
    /// Requests that were lost, refused, or not answered with an active token.
    pub(crate) fn failed(&self) -> u64 {
        self.requests - self.report.active
    }

    /// Fails if an answer was not active, or the authority was asked for more than the load does.
    fn judge(&self, load: Load) -> Result<()> {
        self.report.all_active(self.requests)?;
        self.judge_asked(load)
    }

    /// Fails if the authority was asked for more than the load does.
    pub(crate) fn judge_asked(&self, load: Load) -> Result<()> {
        let Self {
            requests, asked, ..
        } = *self;
        if asked <= max_requests(load, requests) {
            Ok(())
        } else {
            Err(Failure::new(format!("asked the authority {asked} times")))
        }
    }
}

/// Most requests to the authority that a run may cause: none for hits. A purge may also cover a
/// fact whose claim has the same hash of 24 bits: of 20,000 tokens and some 2,500 purges that is
/// three of them.
fn max_requests(load: Load, requests: u64) -> u64 {
    let is_purged = matches!(
        load,
        Load::Beside(Disturbance::Quiet | Disturbance::Revocations | Disturbance::Purges)
    );
    if is_purged {
        requests / 2000
    } else if matches!(load, Load::Neighbour(_)) {
        requests
    } else {
        0
    }
}
