use std::time::Instant;

use crate::beside::{Stop, beside};
use crate::drive::turn;
use crate::failure::{Failure, Result};
use crate::flood::{self, Flooded};
use crate::lab::{Authority, Lab};
use crate::ledger::{Disturbance, Ledger, Load};
use crate::paced::{Paced, RUNS_A_ROUND};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

const TOKENS: u64 = 100_000;
/// Rate of hits, a second.
const RATE: f64 = 10_000.0;
/// Wrong secrets a second: a little more than those that are to be answered, since a run begins and
/// ends.
const FLOOD: f64 = 50_500.0;

/// Latency of cached hits while strangers try out secrets, with the log in a pipe that is read.
///
/// The same flood at bare hyper, in place of introspectd, shows what of it the machine alone is to
/// blame for.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, Room::PIPED)?;
    let floor = Running::start(lab, Subject::Floor, authority.port, Room::DEFAULT)?;
    let prefix = lab.prefix();
    running.fill(&prefix, 0..TOKENS)?;
    let paced = Paced {
        authority: &authority,
        prefix: &prefix,
        tokens: TOKENS,
        rate: RATE,
    };
    for round in 0..lab.rounds * RUNS_A_ROUND {
        let all = [
            Disturbance::QuietBeforeFlood,
            Disturbance::FloodElsewhere,
            Disturbance::Flood,
        ];
        for disturbance in turn(&all, round) {
            let load = Load::Beside(*disturbance);
            let mut hits = || paced.once(&running, load, ledger);
            if *disturbance == Disturbance::FloodElsewhere {
                let Flooded { other, elapsed, .. } = beside_flood(floor.port, &mut hits)?;
                let rate = other as f64 / elapsed.as_secs_f64();
                crate::output::print_status(&format!(
                    "  {rate:.0} of them/s answered by bare hyper"
                ));
            } else if *disturbance == Disturbance::Flood {
                flooded(&running, &mut hits)?.note(ledger)?;
            } else {
                hits()?;
            }
        }
    }
    Ok(())
}

/// Observations of a flood at introspectd, each second.
struct Observation {
    refused: f64,
    lines: f64,
}

impl Observation {
    fn note(self, ledger: &mut Ledger) -> Result<()> {
        let Self { refused, lines } = self;
        crate::output::print_status(&format!(
            "  {refused:.0} wrong secrets/s answered, {lines:.0} log lines/s"
        ));
        ledger.note(Load::Flooded, refused);
        ledger.note(Load::FloodLines, lines);
        Ok(())
    }
}

fn flooded(running: &Running, hits: &mut dyn FnMut() -> Result<()>) -> Result<Observation> {
    let start = Instant::now();
    let logged = running.log_lines();
    let Flooded {
        refused,
        other,
        ended,
        elapsed,
    } = beside_flood(running.port, hits)?;
    let lines = (running.log_lines() - logged) as f64 / start.elapsed().as_secs_f64();
    if other > 0 {
        return Err(Failure::new(format!(
            "{other} wrong secrets were answered other than 401"
        )));
    }
    if ended > 0 {
        crate::output::print_status(&format!("  {ended} connections were ended by the server"));
    }
    Ok(Observation {
        refused: refused as f64 / elapsed.as_secs_f64(),
        lines,
    })
}

fn beside_flood(port: u16, work: &mut dyn FnMut() -> Result<()>) -> Result<Flooded> {
    let flooding = |stop: &Stop| flood::run(port, FLOOD, stop);
    beside(flooding, work).map(|((), flooded)| flooded)
}
