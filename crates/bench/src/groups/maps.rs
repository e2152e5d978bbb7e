use std::process::Command;

use crate::failure::{Failure, Result, Tried};
use crate::lab::Lab;
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::subject::Subject;

/// Caches that could hold facts, alone: no HTTP, one thread. Each count has processes of its own.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    for round in 0..lab.rounds {
        for count in [1, 1_000, 100_000] {
            for subject in crate::drive::turn(&[Subject::QuickCache, Subject::Moka], round) {
                once(*subject, count, ledger)?;
            }
        }
    }
    Ok(())
}

fn once(subject: Subject, count: u64, ledger: &mut Ledger) -> Result<()> {
    let program = std::env::current_exe().tried("cannot find the path of this program")?;
    let output = Command::new(program)
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
