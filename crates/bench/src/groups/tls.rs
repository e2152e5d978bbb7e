use crate::drive::{Drive, ExpectedRequests};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

const TOKENS: u64 = 1_000;

/// Cached hits over TLS. Each round has servers of its own, as hits have, with the same TLS
/// library.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let mut subjects = Vec::new();
    for subject in [Subject::Floor, Subject::Introspectd] {
        let running = Running::start(lab, subject, authority.port, Room::TLS)?;
        if subject.caches() {
            running.fill(&prefix, 0..TOKENS)?;
        }
        subjects.push(running);
    }
    let drive = Drive {
        lab,
        authority: &authority,
        load: Load::Tls,
        asked: ExpectedRequests::Never,
    };
    drive.round(
        round,
        &subjects,
        &Tokens {
            kind: Kind::Kept,
            prefix,
            count: TOKENS,
        },
        ledger,
    )
}
