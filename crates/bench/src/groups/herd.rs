use std::time::Duration;

use crate::answer::token;
use crate::client::Plan;
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

const CALLERS: u64 = 200;
const DELAY: Duration = Duration::from_millis(200);

/// Many ask for one token that is not cached, while the authority takes its time.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, Room::DEFAULT)?;
    running.fill(&lab.prefix(), 0..64)?;
    authority.delay(200)?;
    for _ in 0..lab.rounds.max(3) {
        let prefix = lab.prefix();
        let before = authority.count()?;
        let plan = Plan {
            port: running.port,
            endpoint: running.endpoint,
            connections: 200,
            requests: CALLERS,
            rate: None,
            timeout: Duration::from_secs(10),
            token: &|_| token(&prefix, 0),
        };
        let report = plan.run()?;
        report.all_active(CALLERS)?;
        // A surplus request might still arrive.
        std::thread::sleep(DELAY);
        let calls = authority.count()? - before;
        let after = report.elapsed.saturating_sub(DELAY).as_secs_f64() * 1e3;
        crate::output::print_status(&format!(
            "  {calls} upstream calls, the last answer {after:.1} ms after the provider's"
        ));
        ledger.note(Load::HerdCalls, calls as f64);
        ledger.note(Load::HerdLast, after);
    }
    Ok(())
}
