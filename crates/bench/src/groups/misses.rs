use crate::drive::{Drive, ExpectedRequests, turn};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

/// Every token is new. Each run begins with an empty cache.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let drive = Drive {
        lab,
        authority: &authority,
        load: Load::Misses,
        asked: ExpectedRequests::About(1.0),
    };
    for round in 0..lab.rounds {
        for subject in turn(&[Subject::Introspectd, Subject::ProxyCache], round) {
            // As much room as the peer has.
            let running = Running::start(lab, *subject, authority.port, Room::AMPLE)?;
            drive.once(
                round,
                &running,
                &Tokens {
                    kind: Kind::New,
                    prefix: lab.prefix(),
                    count: 0,
                },
                lab.seconds,
                ledger,
            )?;
        }
    }
    Ok(())
}
