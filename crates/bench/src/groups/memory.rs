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
    drop(running);

    let (alone, before) = warmed(lab, &authority, Room::DEFAULT)?;
    drop(alone);
    let (running, after) = warmed(lab, &authority, described(authority.port))?;
    drop(running);
    let each = after.saturating_sub(before) as f64 / f64::from(DESCRIBED) / f64::from(1 << 20);
    crate::output::print_status(&format!("  described provider: {each:.3} MiB each"));
    ledger.note(Load::Described, each);
    Ok(())
}

/// Providers that are described, so many that the noise of a process matters little.
const DESCRIBED: u32 = 16;

/// Room with described providers beside its own.
fn described(authority: u16) -> Room {
    let sections: String = (0..DESCRIBED)
        .map(|number| {
            format!(
                "\n[providers.described{number}]\nkind = \"http\"\n\
                 credentials = {{ type = \"none\" }}\n\
                 match = {{ prefix = \"described{number}_\" }}\n\
                 request = {{ method = \"POST\", url = \"http://127.0.0.1:{authority}/facts\", \
                 json = {{ access_token = \"{{token}}\" }} }}\n\
                 active = [{{ status = 200 }}, {{ pointer = \"/active\", equals = true }}]\n\
                 inactive = [{{ status = 404 }}, {{ pointer = \"/active\", equals = false }}]\n\
                 claims = {{ client_id = \"/app/client_id\", sub = \"/user/id\", \
                 scope = {{ pointer = \"/scopes\" }}, exp = {{ pointer = \"/expires_at\", \
                 unit = \"rfc3339\", absent = \"never\" }} }}\n\
                 require = {{ client_id = [\"Iv1.abc\"] }}\nlifetime = \"5m\"\n\
                 details = [\"/note\"]\nsecrets = [\"/token\", \"/hashed_token\"]\n"
            )
        })
        .collect();
    Room {
        // Kept as long as the process, like the others.
        provider: sections.leak(),
        ..Room::DEFAULT
    }
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
