use std::time::Duration;

use crate::answer::token;
use crate::behaviour::Behaviour;
use crate::client::{Line, Plan};
use crate::crowd::Crowd;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

/// Requests in an outage, and how many a second.
const REQUESTS: u64 = 2_000;
const RATE: f64 = 1_000.0;

/// Requests that open the breaker by waiting in vain, more than those that were answered in its
/// window, and those while it is open.
const FAILED: usize = 200;
const ASKED: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(5);

const UNBROKEN: Room = Room {
    provider: "breaker = \"off\"\n",
    ..Room::DEFAULT
};

/// A breaker that stays open, and facts that are stale after a second.
const OPENS: Room = Room {
    provider: "breaker = { open_for = \"1m\" }\n\
               cache = { ttl = \"1s\", stale_if_error = \"1h\" }\n",
    ..Room::DEFAULT
};
const STALE: Duration = Duration::from_millis(1100);

/// Requests that reach a provider that answers 503, and the time of an answer once the breaker is
/// open.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    for _ in 0..lab.rounds {
        ask_in_vain(lab, Room::DEFAULT, Load::OutageAsked, ledger)?;
        ask_in_vain(lab, UNBROKEN, Load::OutageAskedUnbroken, ledger)?;
    }
    (0..lab.rounds.min(3)).try_for_each(|_| ask_at_open_breaker(lab, ledger))
}

/// New tokens, all of which are answered 503.
fn ask_in_vain(lab: &Lab, room: Room, load: Load, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, room)?;
    authority.behave(Behaviour::Refuses)?;
    let prefix = lab.prefix();
    let plan = Plan {
        port: running.port,
        endpoint: running.endpoint,
        connections: 64,
        requests: REQUESTS,
        rate: Some(RATE),
        timeout: Duration::from_secs(20),
        token: &|number| token(&prefix, number),
    };
    let report = plan.run()?;
    if report.statuses.get(&503) != Some(&REQUESTS) {
        let why = format!("answered {:?} instead of 503", report.statuses);
        return Err(Failure::new(why));
    }
    let asked = authority.count()? as f64 / REQUESTS as f64;
    crate::output::print_status(&format!("  {load:?}: {asked:.3} of the requests"));
    ledger.note(load, asked);
    Ok(())
}

fn ask_at_open_breaker(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, OPENS)?;
    let (stale, new) = (lab.prefix(), lab.prefix());
    running.fill(&stale, 0..ASKED)?;
    std::thread::sleep(STALE);
    authority.behave(Behaviour::Hangs)?;
    let mut crowd = Crowd::connect(running.port, FAILED, lab.prefix())?;
    crowd.ask()?;
    // Those that are in flight when it opens are refused then.
    crowd.receive(&[503, 504])?;
    let asked = authority.count()?;
    let mut line = Line::open(running.port, PATIENCE)?;
    for number in 0..ASKED {
        for (prefix, status, load) in [
            (&new, 503, Load::BreakerUncached),
            (&stale, 200, Load::BreakerStale),
        ] {
            let (answer, time) = line.ask(running.endpoint, &token(prefix, number))?;
            ledger.note(load, time.as_secs_f64() * 1e6);
            if answer.status != status {
                let why = format!("a token was answered {}", answer.status);
                ledger.fault(running.subject, load, why);
            }
        }
    }
    match authority.count()? - asked {
        0 => Ok(()),
        more => Err(Failure::new(format!("{more} requests passed the breaker"))),
    }
}
