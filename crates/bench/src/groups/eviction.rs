use crate::drive::{Drive, ExpectedRequests};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

/// Small enough to be full in seconds.
const SMALL: Room = Room {
    mebibytes: 64,
    ..Room::DEFAULT
};
const HOT: u64 = 1_000;

/// Cost of new tokens for requests about old ones, in a full cache.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, SMALL)?;
    let hot = lab.prefix();
    crate::output::print_status("  filling until it is full");
    running.fill(&hot, 0..HOT)?;
    running.fill(&lab.prefix(), 0..200_000)?;
    // Some of them may have had to go: now they are used again and again, as hot tokens are.
    for _ in 0..5 {
        running.fill(&hot, 0..HOT)?;
    }
    for round in lab.turns() {
        for (load, kind, share) in [
            (Load::FullHits, Kind::Kept, 0.0),
            (Load::FullMixed, Kind::Mixed, 0.1),
            (Load::FullMisses, Kind::New, 1.0),
        ] {
            let asked = if share > 0.0 {
                ExpectedRequests::About(share)
            } else {
                ExpectedRequests::Never
            };
            let drive = Drive {
                lab,
                authority: &authority,
                load,
                asked,
            };
            drive.once(
                round,
                &running,
                &Tokens {
                    kind,
                    prefix: hot.clone(),
                    count: HOT,
                },
                1,
                ledger,
            )?;
        }
    }
    Ok(())
}
