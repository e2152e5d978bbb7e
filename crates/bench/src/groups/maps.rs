use crate::drive::{Drive, ExpectedRequests, turn};
use crate::failure::{Failure, Result, Tried};
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::role::program;
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

const CACHES: [Subject; 2] = [Subject::QuickCache, Subject::Moka];

/// Caches that could hold facts: alone, and in bare hyper. Each count has processes of its own.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    alone(lab, ledger)?;
    for count in [1, 1_000, 100_000] {
        for round in 0..lab.rounds {
            in_hyper(lab, round, count, ledger)?;
        }
    }
    Ok(())
}

fn in_hyper(lab: &Lab, round: usize, count: u64, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let mut subjects = Vec::new();
    for subject in CACHES {
        let running = Running::start(lab, subject, authority.port, Room::DEFAULT)?;
        running.fill(&prefix, 0..count)?;
        subjects.push(running);
    }
    let drive = Drive {
        lab,
        authority: &authority,
        load: Load::InHyper(count),
        asked: ExpectedRequests::Never,
    };
    let tokens = Tokens {
        kind: Kind::Kept,
        prefix,
        count,
    };
    drive.round(round, &subjects, &tokens, ledger)
}

/// No HTTP, one thread.
fn alone(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    for round in 0..lab.rounds {
        for count in [1, 1_000, 100_000] {
            for subject in turn(&CACHES, round) {
                once(*subject, count, ledger)?;
            }
        }
    }
    Ok(())
}

fn once(subject: Subject, count: u64, ledger: &mut Ledger) -> Result<()> {
    let output = program()?
        .args(["map", subject.name(), &count.to_string()])
        .output();
    let output = output.tried("cannot start a map")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut numbers = printed.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(nanoseconds)), Some(Ok(bytes))) = (numbers.next(), numbers.next()) else {
        return Err(Failure::new(format!(
            "a map ended early: {}",
            String::from_utf8_lossy(&output.stderr)
        )));
    };
    let name = subject.name();
    crate::output::print_status(&format!(
        "  {count} entries  {name:<12} {nanoseconds:>6.1} ns a get"
    ));
    ledger.add(Key(subject, Load::Get(count), Metric::Value), nanoseconds);
    // Of a few entries only what was there before them shows.
    if count == 100_000 {
        ledger.add(Key(subject, Load::Entry, Metric::Value), bytes);
    }
    Ok(())
}
