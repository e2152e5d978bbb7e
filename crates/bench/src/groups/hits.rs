use crate::drive::{Drive, ExpectedRequests};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

/// Sets of tokens, and the peer that is best at each: in a hurry, the others are left out.
const SETS: [(u64, Subject); 3] = [
    (1, Subject::OpenFileCache),
    (1_000, Subject::Lua),
    (100_000, Subject::ProxyCache),
];

/// Cached hits, as many as the machine gives.
///
/// Each round has servers of its own: which pages of the machine's memory a process got moves what
/// a large set costs by a quarter, for as long as it lives.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    for (count, best) in SETS {
        for round in 0..lab.rounds {
            one_round(lab, round, count, best, ledger)?;
        }
    }
    Ok(())
}

fn one_round(
    lab: &Lab,
    round: usize,
    count: u64,
    best: Subject,
    ledger: &mut Ledger,
) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let peers = Subject::PEERS
        .into_iter()
        .filter(|peer| !lab.quick || *peer == best);
    let mut subjects = Vec::new();
    for subject in [Subject::Floor, Subject::Introspectd]
        .into_iter()
        .chain(peers)
    {
        let running = Running::start(lab, subject, authority.port, Room::DEFAULT)?;
        if subject.caches() {
            running.fill(&prefix, 0..count)?;
        }
        subjects.push(running);
    }
    let drive = Drive {
        lab,
        authority: &authority,
        load: Load::Hits(count),
        asked: ExpectedRequests::Never,
    };
    drive.round(
        round,
        &subjects,
        &Tokens {
            kind: Kind::Kept,
            prefix,
            count,
        },
        ledger,
    )
}
