use std::time::Duration;

use crate::answer::token;
use crate::client::Line;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

const CONNECTIONS: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(5);

/// Resident memory of connections that have made one request and are kept alive.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    // Those of the server, which inherits the limit, and some more.
    crate::process::allow_descriptors(CONNECTIONS as u64 + 200)?;
    let authority = Authority::start(lab)?;
    (0..lab.rounds.min(3)).try_for_each(|_| one_round(lab, &authority, ledger))
}

fn one_round(lab: &Lab, authority: &Authority, ledger: &mut Ledger) -> Result<()> {
    let running = Running::start(lab, Subject::Introspectd, authority.port, Room::DEFAULT)?;
    let prefix = lab.prefix();
    running.fill(&prefix, 0..640)?;
    let before = settled(&running);
    let request = running.endpoint.about(&token(&prefix, 0));
    let mut lines = Vec::with_capacity(CONNECTIONS);
    for number in 0..CONNECTIONS {
        let mut line = Line::open(running.port, PATIENCE)?;
        line.send(&request)?;
        if !line.receive()?.active {
            return Err(Failure::new(format!(
                "connection {number} got no active answer"
            )));
        }
        lines.push(line);
    }
    let growth = settled(&running).saturating_sub(before);
    let open = running.descriptors();
    if open < lines.len() {
        return Err(Failure::new(format!(
            "the server has {open} descriptors for {} of us",
            lines.len()
        )));
    }
    let each = growth as f64 / CONNECTIONS as f64 / 1024.0;
    crate::output::print_status(&format!(
        "  {CONNECTIONS} idle connections: {each:.1} KiB each"
    ));
    ledger.note(Load::IdleConnection, each);
    Ok(())
}

/// Resident memory at rest: buffers go after two seconds without a request, and their memory is
/// returned within two more.
fn settled(running: &Running) -> u64 {
    std::thread::sleep(Duration::from_secs(5));
    running.memory().resident
}
