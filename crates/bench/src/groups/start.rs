use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::answer::{Endpoint, token};
use crate::client;
use crate::configuration::{self, Beside};
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::proc;
use crate::process::Process;
use crate::role::free_port;
use crate::room::Room;

/// Time from the start of the process to an answer that had to be fetched, and memory before the
/// first request.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    for _ in 0..lab.rounds.max(5) {
        let (_process, after) = first_answer(lab, &authority)?;
        ledger.note(Load::Start, after.as_secs_f64() * 1e3);

        let folder = lab.folder("idle")?;
        let command = command(lab, free_port()?, &authority, &folder)?;
        let process = Process::start_bare(command, &folder.join("log"))?;
        std::thread::sleep(Duration::from_millis(500));
        let idle = proc::memory(process.id()).resident as f64 / f64::from(1 << 20);
        ledger.note(Load::Idle, idle);
        crate::output::print_status(&format!(
            "  first answer after {:.1} ms, idle {idle:.1} MiB",
            after.as_secs_f64() * 1e3
        ));
    }
    Ok(())
}

fn first_answer(lab: &Lab, authority: &Authority) -> Result<(Process, Duration)> {
    let port = free_port()?;
    let folder = lab.folder("start")?;
    let command = command(lab, port, authority, &folder)?;
    let token = token(&lab.prefix(), 0);
    let start = Instant::now();
    let mut process = Process::start_bare(command, &folder.join("log"))?;
    loop {
        if let Ok((answer, _)) =
            client::ask(port, Endpoint::Introspect, &token, Duration::from_secs(5))
        {
            let after = start.elapsed();
            return if answer.active {
                Ok((process, after))
            } else {
                Err(Failure::new(format!(
                    "the first answer is {}",
                    answer.status
                )))
            };
        }
        if process.has_ended() || start.elapsed() > Duration::from_secs(10) {
            return Err(Failure::new(format!(
                "no first answer: {}",
                process.last_words()
            )));
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn command(lab: &Lab, port: u16, authority: &Authority, folder: &Path) -> Result<Command> {
    let text = configuration::text(port, authority.port, Room::DEFAULT, Beside::default());
    configuration::write(folder, &text)?;
    Ok(configuration::command(lab, folder))
}
