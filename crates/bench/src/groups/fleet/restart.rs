use std::time::{Duration, Instant};

use super::{REPLICAS, at_once, start_fleet, start_replica};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::redis::Redis;

const TOKENS: u64 = 100_000;
/// Time for facts to arrive in Redis after the answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Memory of Redis for 100,000 facts, and requests to the authority after all replicas restarted at
/// once: each is asked about each token from the moment that it takes connections.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds.min(3)).try_for_each(|_| one_round(lab, ledger))
}

fn one_round(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let redis = Redis::start(lab)?;
    let replicas = start_fleet(lab, &authority, &redis)?;
    let prefix = lab.prefix();
    let (keys, memory) = (redis.keys()?, redis.memory()?);
    let share = TOKENS / REPLICAS as u64 + 1;
    at_once(&replicas, |number, replica| {
        let start = share * number as u64;
        replica.fill(&prefix, start..TOKENS.min(start + share))
    })?;
    let end = Instant::now() + PATIENCE;
    let mut stored = 0;
    while stored < TOKENS && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
        stored = redis.keys()?.saturating_sub(keys);
    }
    let each = redis.memory()?.saturating_sub(memory) as f64 / stored.max(1) as f64;
    crate::output::print_status(&format!("  {stored} facts in Redis: {each:.0} bytes each"));
    ledger.note(Load::RedisBytes, each);

    drop(replicas);
    let asked = authority.count()?;
    at_once(&[(); REPLICAS], |_, ()| {
        let replica = start_replica(lab, &authority, &redis)?;
        replica.fill(&prefix, 0..TOKENS)
    })?;
    let asked = authority.count()? - asked;
    crate::output::print_status(&format!("  {asked} upstream calls after a restart"));
    ledger.note(Load::Restarted, asked as f64);
    Ok(())
}
