use std::time::Duration;

use super::{start_fleet, start_replica, wait_until_it_shares};
use crate::answer::{Endpoint, token};
use crate::client::Line;
use crate::failure::{Failure, Result, Tried};
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::number::median;
use crate::redis::Redis;
use crate::role::program;
use crate::subject::Subject;

const TOKENS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(5);

/// Lookups of facts that only Redis has: by introspectd's client alone, and over HTTP.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    for _ in 0..lab.rounds {
        by_client(lab, ledger)?;
        over_http(lab, ledger)?;
    }
    Ok(())
}

/// The role `second-tier`: a process of its own.
fn by_client(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let redis = Redis::start(lab)?;
    let (port, turns) = (redis.port.to_string(), lab.seconds.to_string());
    let output = program()?.args(["second-tier", &port, &turns]).output();
    let output = output.tried("cannot start a second tier")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut done = 0;
    for line in printed.lines() {
        let mut medians = line.split(' ').map(str::parse::<f64>);
        let (Some(Ok(lookup)), Some(Ok(get))) = (medians.next(), medians.next()) else {
            break;
        };
        crate::output::print_status(&format!(
            "  hit in Redis: p50 {lookup:.1} µs, GET {get:.1} µs"
        ));
        let mut add = |load, value| {
            ledger.add(Key(Subject::Introspectd, load, Metric::Median), value);
        };
        add(Load::SecondTier, lookup);
        add(Load::RawGet, get);
        done += 1;
    }
    if done == lab.seconds {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("a second tier ended early: {said}")))
}

/// One connection asks a replica, which has just started, about each token twice: the second time
/// it is in the replica's own cache.
fn over_http(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let redis = Redis::start(lab)?;
    let fleet = start_fleet(lab, &authority, &redis)?;
    let prefix = lab.prefix();
    for replica in &fleet {
        replica.fill(&prefix, 0..TOKENS)?;
    }
    let replica = start_replica(lab, &authority, &redis)?;
    wait_until_it_shares(&replica)?;
    let asked = authority.count()?;
    let mut line = Line::open(replica.port, PATIENCE)?;
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..TOKENS {
        for times in &mut times {
            let (answer, time) = line.ask(Endpoint::Introspect, &token(&prefix, number))?;
            if !answer.active {
                return Err(Failure::new("a token is not active"));
            }
            times.push(time.as_secs_f64() * 1e6);
        }
    }
    let asked = authority.count()? - asked;
    if asked > 0 {
        let why = format!("asked the authority {asked} times");
        return Err(Failure::new(why));
    }
    let [second, first] = times.map(|times| median(&times).unwrap_or_default());
    crate::output::print_status(&format!(
        "  over HTTP: p50 {second:.1} µs, in the process {first:.1} µs"
    ));
    ledger.note(Load::SecondTierHttp, second - first);
    Ok(())
}
