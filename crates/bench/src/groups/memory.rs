use std::time::Duration;

use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

/// Small enough to be filled three times over in seconds.
const SMALL: Room = Room {
    mebibytes: 64,
    ..Room::DEFAULT
};

/// Memory of cached tokens, and of a full cache at its limit.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let (running, before) = warmed(lab, &authority, Room::AMPLE)?;
    let sizes: &[u64] = if lab.quick {
        &[100_000]
    } else {
        &[100_000, 1_000_000]
    };
    let mut filled = 0;
    for &size in sizes {
        running.fill(&prefix, filled..size)?;
        filled = size;
        let each = settled(&running).saturating_sub(before) as f64 / size as f64;
        crate::output::print_status(&format!("  {size} tokens: {each:.0} bytes each"));
        ledger.note(Load::Growth(size), each);
    }
    drop(running);

    let (running, before) = warmed(lab, &authority, SMALL)?;
    running.fill(&lab.prefix(), 0..300_000)?;
    let growth = settled(&running).saturating_sub(before) as f64 / (SMALL.mebibytes << 20) as f64;
    crate::output::print_status(&format!("  full: {growth:.2} of max_bytes"));
    ledger.note(Load::FullGrowth, growth);
    Ok(())
}

/// A server that has seen its 64 connections and a few tokens, and its memory.
fn warmed(lab: &Lab, authority: &Authority, room: Room) -> Result<(Running, u64)> {
    let running = Running::start(lab, Subject::Introspectd, authority.port, room)?;
    running.fill(&lab.prefix(), 0..640)?;
    let before = settled(&running);
    Ok((running, before))
}

/// Memory after the work that a cache defers, and after freed memory was returned, which takes up
/// to two seconds.
fn settled(running: &Running) -> u64 {
    std::thread::sleep(Duration::from_secs(4));
    running.memory().proportional
}
