use crate::drive::turn;
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::paced::{Paced, RUNS_A_ROUND, SECONDS};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{self, Kind, Tokens};

const TOKENS: u64 = 100_000;

/// Latency of cached hits at an arrival rate that every peer bears: half of what the slowest can
/// do.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let mut subjects = Vec::new();
    let mut rate = f64::INFINITY;
    for subject in [Subject::Floor, Subject::Introspectd]
        .into_iter()
        .chain(Subject::PEERS)
    {
        let running = Running::start(lab, subject, authority.port, Room::DEFAULT)?;
        if subject.caches() {
            running.fill(&prefix, 0..TOKENS)?;
        }
        if Subject::PEERS.contains(&subject) {
            let tokens = Tokens {
                kind: Kind::Kept,
                prefix: prefix.clone(),
                count: TOKENS,
            };
            let summary = wrk::run(lab, &running, &tokens, SECONDS)?;
            rate = rate.min(summary.requests as f64 / summary.elapsed.as_secs_f64() / 2.0);
        }
        subjects.push(running);
    }
    crate::output::print_status(&format!("  {rate:.0} requests/s"));
    let paced = Paced {
        authority: &authority,
        prefix: &prefix,
        tokens: TOKENS,
        rate,
    };
    for round in 0..lab.rounds * RUNS_A_ROUND {
        for running in turn(&subjects, round) {
            paced.once(running, Load::Paced, ledger)?;
        }
    }
    Ok(())
}
