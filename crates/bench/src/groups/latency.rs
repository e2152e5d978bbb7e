use std::time::Duration;

use crate::answer::token;
use crate::client::Plan;
use crate::drive::turn;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::number::whole;
use crate::running::{Room, Running};
use crate::subject::Subject;
use crate::wrk::{self, Kind, Tokens};

const TOKENS: u64 = 100_000;

/// A moment in which the machine does something else is in the p99 of a run. Many short runs keep it out of most.
const RUNS_A_ROUND: usize = 3;
const SECONDS: u64 = 2;

/// Latency of cached hits at an arrival rate that every peer bears: half of what the slowest can do.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let mut subjects = Vec::new();
    let mut rate = f64::INFINITY;
    for subject in [Subject::Floor, Subject::Introspectd].into_iter().chain(Subject::PEERS) {
        let running = Running::start(lab, subject, authority.port, Room::DEFAULT)?;
        if subject.caches() {
            running.fill(&prefix, 0..TOKENS)?;
        }
        if Subject::PEERS.contains(&subject) {
            let tokens = Tokens { kind: Kind::Kept, prefix: prefix.clone(), count: TOKENS };
            let said = wrk::run(lab, &running, &tokens, SECONDS)?;
            rate = rate.min(said.requests as f64 / said.elapsed.as_secs_f64() / 2.0);
        }
        subjects.push(running);
    }
    crate::output::remark(&format!("  {rate:.0} requests/s"));
    for round in 0..lab.rounds * RUNS_A_ROUND {
        for running in turn(&subjects, round) {
            paced(&authority, running, &prefix, rate, ledger)?;
        }
    }
    Ok(())
}

fn paced(
    authority: &Authority,
    running: &Running,
    prefix: &str,
    rate: f64,
    ledger: &mut Ledger,
) -> Result<()> {
    let requests = whole(rate * SECONDS as f64);
    let plan = Plan {
        port: running.port,
        question: running.question,
        connections: 64,
        requests,
        rate: Some(rate),
        patience: Duration::from_secs(SECONDS + 10),
        // The stride of wrk.lua.
        token: &|number| token(prefix, number.wrapping_mul(7919) % TOKENS),
    };
    let (asked, spent) = (authority.count()?, running.cpu());
    let mut report = plan.run()?;
    let (asked, spent) = (authority.count()? - asked, running.cpu().saturating_sub(spent));
    let (median, p99) = (report.percentile(0.5), report.percentile(0.99));
    let mut add = |metric, value| ledger.add(Key(running.subject, Load::Paced, metric), value);
    add(Metric::Rate, requests as f64 / report.elapsed.as_secs_f64());
    add(Metric::Cpu, spent.as_secs_f64() * 1e6 / requests as f64);
    add(Metric::Median, median.as_secs_f64() * 1e6);
    add(Metric::P99, p99.as_secs_f64() * 1e6);
    let name = running.subject.name();
    crate::output::remark(&format!(
        "  {name:<35} p50 {:>6} µs  p99 {:>6} µs",
        median.as_micros(),
        p99.as_micros()
    ));
    let right = report.all_active(requests).and_then(|()| match asked {
        0 => Ok(()),
        asked => Err(Failure::new(format!("asked the authority {asked} times"))),
    });
    if let Err(fault) = right {
        ledger.fault(running.subject, Load::Paced, format!("{name}: {fault}"));
    }
    Ok(())
}
