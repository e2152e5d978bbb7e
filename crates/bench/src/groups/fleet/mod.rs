//! Replicas that share facts in Redis.

mod hits;
mod misses;
mod restart;
mod revocation;
mod second_tier;

use std::time::{Duration, Instant};

use crate::answer::{OPERATOR, OPERATOR_SECRET};
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load, Tiers};
use crate::redis::Redis;
use crate::running::Running;
use crate::subject::Subject;

const REPLICAS: usize = 3;
/// Time in which a replica has to find its fleet.
const PATIENCE: Duration = Duration::from_secs(5);

/// Measurement, and the loads that it is void for.
type Part = (fn(&Lab, &mut Ledger) -> Result<()>, &'static [Load]);

const PARTS: [Part; 5] = [
    (
        hits::run,
        &[Load::TierHits(Tiers::One), Load::TierHits(Tiers::Two)],
    ),
    (
        second_tier::run,
        &[Load::SecondTier, Load::RawGet, Load::SecondTierHttp],
    ),
    (
        revocation::run,
        &[Load::SpreadMedian, Load::SpreadP99, Load::SpreadWhole],
    ),
    (restart::run, &[Load::Restarted, Load::RedisBytes]),
    (
        misses::run,
        &[
            Load::TierMisses(Tiers::One),
            Load::TierMisses(Tiers::Two),
            Load::SlowMisses(Tiers::One),
            Load::SlowMisses(Tiers::Two),
        ],
    ),
];

/// One after the other. What goes wrong voids a part.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    for (part, loads) in PARTS {
        if let Err(fault) = part(lab, ledger) {
            crate::output::print_status(&format!("  void: {fault}"));
            for load in loads {
                ledger.fault(Subject::Introspectd, *load, fault.to_string());
            }
        }
    }
    Ok(())
}

/// Rest of a configuration, which begins in the provider's section: how tokens are revoked.
fn revocable(authority: &Authority) -> String {
    format!(
        "revocation_endpoint = \"http://127.0.0.1:{}/revoke\"\n\
         [callers.{OPERATOR}]\nsecret = {{ literal = \"{OPERATOR_SECRET}\" }}\n\
         permissions = [\"revoke\"]\n",
        authority.port
    )
}

fn start_alone(lab: &Lab, authority: &Authority) -> Result<Running> {
    Running::start_with(lab, authority.port, &revocable(authority))
}

/// Starts a replica, which may not have found its fleet yet.
fn start_replica(lab: &Lab, authority: &Authority, redis: &Redis) -> Result<Running> {
    let rest = format!(
        "{}[cache.shared]\nurl = \"redis://127.0.0.1:{}\"\n\
         secret = {{ literal = \"the-secret-of-the-fleet-0123456789\" }}\n",
        revocable(authority),
        redis.port
    );
    Running::start_with(lab, authority.port, &rest)
}

/// Starts replicas that exchange facts.
fn start_fleet(lab: &Lab, authority: &Authority, redis: &Redis) -> Result<Vec<Running>> {
    let replicas: Result<Vec<_>> = (0..REPLICAS)
        .map(|_| start_replica(lab, authority, redis))
        .collect();
    let replicas = replicas?;
    replicas.iter().try_for_each(wait_until_it_shares)?;
    Ok(replicas)
}

fn wait_until_it_shares(replica: &Running) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while replica.scrape()?.0.sum("introspectd_shared_ready", "") < 1.0 {
        if Instant::now() > end {
            return Err(Failure::new("a replica does not find its fleet"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Does this for all at once.
fn at_once<T: Sync, R: Send>(
    all: &[T],
    act: impl Fn(usize, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let act = &act;
    std::thread::scope(|scope| {
        let acting: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(number, one)| scope.spawn(move || act(number, one)))
            .collect();
        let panicked = |_| Err(Failure::new("a client panicked"));
        acting
            .into_iter()
            .map(|one| one.join().unwrap_or_else(panicked))
            .collect()
    })
}
