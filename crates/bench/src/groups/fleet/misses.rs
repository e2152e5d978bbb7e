use std::time::Duration;

use super::{REPLICAS, at_once, start_alone, start_fleet};
use crate::answer::token;
use crate::drive::{ExpectedRequests, turn};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric, Tiers};
use crate::redis::Redis;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{self, Kind, Summary, Tokens};

/// Time that a provider takes in the second measurement, in milliseconds.
const DELAY: u64 = 80;
/// Time of a turn then, so that what is in flight at its end is little of it.
const SLOW_SECONDS: u64 = 3;

/// Three servers, all asked about tokens that none has seen, as fast as they answer: of a provider
/// that answers at once, so that the processors are what limits them, and of one that takes its
/// time.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let redis = Redis::start(lab)?;
    let alone: Result<Vec<_>> = (0..REPLICAS)
        .map(|_| start_alone(lab, &authority))
        .collect();
    let both = [
        (alone?, Tiers::One),
        (start_fleet(lab, &authority, &redis)?, Tiers::Two),
    ];
    (round..).zip(0..lab.seconds).try_for_each(|(first, _)| {
        turn(&both, first).try_for_each(|(servers, tiers)| {
            once(lab, &authority, servers, Load::TierMisses(*tiers), ledger)
        })
    })?;
    authority.delay(DELAY)?;
    turn(&both, round).try_for_each(|(servers, tiers)| {
        once(lab, &authority, servers, Load::SlowMisses(*tiers), ledger)
    })
}

fn once(
    lab: &Lab,
    authority: &Authority,
    servers: &[Running],
    load: Load,
    ledger: &mut Ledger,
) -> Result<()> {
    let is_slow = matches!(load, Load::SlowMisses(_));
    let seconds = if is_slow { SLOW_SECONDS } else { 1 };
    let samples = servers.iter().map(|server| {
        let (sample, _) = server.ask(&token(&lab.prefix(), 0), Duration::from_secs(5))?;
        Ok(sample.bytes)
    });
    let samples: Vec<usize> = samples.collect::<Result<_>>()?;
    let asked = authority.count()?;
    let spent: Duration = servers.iter().map(Running::cpu).sum();
    let summaries = at_once(servers, |_, server| {
        let tokens = Tokens {
            kind: Kind::New,
            prefix: lab.prefix(),
            count: 0,
        };
        wrk::run(lab, server, &tokens, seconds)
    })?;
    let asked = authority.count()? - asked;
    let spent = servers
        .iter()
        .map(Running::cpu)
        .sum::<Duration>()
        .saturating_sub(spent);

    let requests: u64 = summaries.iter().map(|summary| summary.requests).sum();
    let rate: f64 = summaries.iter().map(rate).sum();
    let cpu = spent.as_secs_f64() * 1e6 / requests.max(1) as f64;
    ledger.add(Key(Subject::Introspectd, load, Metric::Rate), rate);
    ledger.add(Key(Subject::Introspectd, load, Metric::Cpu), cpu);
    crate::output::print_status(&format!("  {load:?}  {rate:>8.0}/s  {cpu:>6.2} µs"));
    // Each server has its share of what the authority was asked.
    let expected =
        |summary: &Summary| asked as f64 * summary.requests as f64 / requests.max(1) as f64;
    for (summary, bytes) in summaries.iter().zip(samples) {
        let asked = crate::number::whole(expected(summary));
        if let Some(fault) = ExpectedRequests::About(1.0).fault(summary, bytes, asked) {
            crate::output::print_status(&format!("  void: {load:?}: {fault}"));
            ledger.fault(Subject::Introspectd, load, fault);
        }
    }
    Ok(())
}

fn rate(summary: &Summary) -> f64 {
    summary.requests as f64 / summary.elapsed.as_secs_f64()
}
