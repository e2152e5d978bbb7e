use crate::answer::Endpoint;
use crate::drive::{Drive, ExpectedRequests};
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

const TOKENS: u64 = 1_000;

/// Cached hits of a proxy's clients. Each round has servers of its own, as hits have.
///
/// Ours decides, and is asked by the proxy; nginx is the proxy, decides by itself, and answers its
/// client. Bare hyper repeats what ours answered.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let mut subjects = Vec::new();
    for subject in [Subject::Introspectd, Subject::Njs] {
        let running = Running::start(lab, subject, authority.port, Room::DEFAULT)?;
        let running = running.answering(Endpoint::ForwardAuth);
        let before = authority.count()?;
        running.fill(&prefix, 0..TOKENS)?;
        let asked = authority.count()? - before;
        // The response is a file in any case: only this header shows that the token was checked.
        if asked != TOKENS {
            let name = subject.name();
            return Err(Failure::new(format!(
                "{name} asked about {TOKENS} new tokens {asked} times"
            )));
        }
        subjects.push(running);
    }
    let ours = subjects.first().map_or(0, |ours| ours.port);
    // It asks ours at its start, whose authority has its one question before the clock starts.
    let mirror = Running::start(lab, Subject::Mirror, ours, Room::DEFAULT)?;
    subjects.push(mirror.answering(Endpoint::ForwardAuth));
    let drive = Drive {
        lab,
        authority: &authority,
        load: Load::ForwardAuth,
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
