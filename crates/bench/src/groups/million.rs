use crate::drive::{Drive, ExpectedRequests};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

/// Cost of a hit in a cache of a million. One server for both sets, and a client that does the same
/// work for both.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, Room::AMPLE)?;
    let prefix = lab.prefix();
    crate::output::print_status("  filling with 1,000,000 tokens");
    running.fill(&prefix, 0..1_000_000)?;
    for round in lab.turns() {
        for count in [1_000, 1_000_000] {
            let drive = Drive {
                lab,
                authority: &authority,
                load: Load::Wide(count),
                asked: ExpectedRequests::Never,
            };
            drive.once(
                round,
                &running,
                &Tokens {
                    kind: Kind::Built,
                    prefix: prefix.clone(),
                    count,
                },
                1,
                ledger,
            )?;
        }
    }
    Ok(())
}
