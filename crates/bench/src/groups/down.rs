use std::time::{Duration, Instant};

use crate::answer::{BRIEF, BRIEF_SECONDS, token};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

const PATIENCE: Duration = Duration::from_secs(5);

/// Provider without retries: the pause before one, of up to 25 ms, would be all that is measured.
const ONCE: Room = Room {
    provider: "retry = \"off\"\n",
    ..Room::DEFAULT
};

/// The provider is gone: what is cached is answered until its end, and the rest is refused at once.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, ONCE)?;
    let kept = lab.prefix();
    let new = lab.prefix();
    running.fill(&kept, 0..100)?;
    let brief = |number: u64| format!("{BRIEF}{number:038}");
    let asked = Instant::now();
    for number in 0..20 {
        running.ask(&brief(number), PATIENCE)?;
    }
    drop(authority);

    let mut cached = Vec::new();
    for number in 0..100 {
        cached.push(running.ask(&token(&kept, number), PATIENCE)?.0.active);
    }
    // Their clock counts whole seconds: until one before the end, they are answered whatever the
    // fraction.
    if asked.elapsed() < Duration::from_secs(BRIEF_SECONDS - 1) {
        for number in 0..20 {
            cached.push(running.ask(&brief(number), PATIENCE)?.0.active);
        }
    }
    ledger.note(Load::DownCached, share(&cached));

    for number in 0..20 {
        let (answer, time) = running.ask(&token(&new, number), PATIENCE)?;
        if !matches!(answer.status, 502 | 503) {
            let why = format!("an uncached token was answered {}", answer.status);
            ledger.fault(Subject::Introspectd, Load::DownUncached, why);
        }
        ledger.note(Load::DownUncached, time.as_secs_f64() * 1e3);
    }

    std::thread::sleep(Duration::from_secs(BRIEF_SECONDS).saturating_sub(asked.elapsed()));
    let mut ended = Vec::new();
    for number in 0..20 {
        ended.push(running.ask(&brief(number), PATIENCE)?.0.active);
    }
    ledger.note(Load::DownEnded, share(&ended));
    crate::output::print_status(&format!(
        "  {:.2} of cached answered, {:.2} after their end",
        share(&cached),
        share(&ended)
    ));
    Ok(())
}

fn share(active: &[bool]) -> f64 {
    active.iter().filter(|active| **active).count() as f64 / active.len().max(1) as f64
}
