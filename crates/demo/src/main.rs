//! `cargo demo`: introspectd in front of a simulator of each vendor, for a first look.

mod arguments;
mod ask;
mod expected;
mod fleet;
mod output;
mod ports;
mod print;
mod records;
mod scene;
mod server;
mod steps;

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Arguments;
use crate::output::{complain, say};
use crate::ports::Ports;
use crate::print::Voice;
use crate::scene::Scene;
use crate::server::Build;
use crate::steps::{Group, groups};

/// Outcome of a demo that was not interrupted.
enum Verdict {
    AsDocumented,
    Different,
}

/// Exit code of a program that Ctrl-C ended, as in a shell.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse_or_exit();
    let once = arguments.once;
    match demo(&arguments) {
        Ok(Some(Verdict::AsDocumented)) => ExitCode::SUCCESS,
        Ok(Some(Verdict::Different)) => ExitCode::FAILURE,
        Ok(None) if once => ExitCode::from(INTERRUPTED),
        Ok(None) => {
            say("\nStopped: introspectd and the simulators have ended.");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Runs the demo from the build to the end; no verdict if it is interrupted.
fn demo(arguments: &Arguments) -> Result<Option<Verdict>, String> {
    let (once, ports) = (arguments.once, arguments.ports());
    let fleet = arguments.fleet.then(|| arguments.fleet_ports());
    // A taken port should not cost a build's wait. The build comes before any signal is caught, so
    // that Ctrl-C simply ends it.
    match fleet {
        Some(fleet) => {
            fleet.check()?;
            fleet::ensure_installed()?;
        }
        None => ports.check()?,
    }
    let build = Build::run()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let interruption = interruption().map_err(|error| error.to_string())?;
        tokio::select! {
            verdict = async {
                match fleet {
                    Some(fleet) => fleet::play(once, &build, fleet).await,
                    None => play(once, &build, ports).await,
                }
            } => verdict.map(Some),
            () = interruption => Ok(None),
        }
    })
}

/// Dropped at any point, it ends what it started.
async fn play(once: bool, build: &Build, ports: Ports) -> Result<Verdict, String> {
    let mut scene = Scene::set(build, ports).await?;
    let voice = Voice::of_terminal();
    let groups = groups(scene.now);
    voice.opening(&scene);
    if once {
        return Ok(ask_all(&voice, &scene, &groups).await);
    }
    voice.lines(&scene, &groups);
    Err(scene.server.ended().await)
}

async fn ask_all(voice: &Voice, scene: &Scene, groups: &[Group]) -> Verdict {
    let api = scene.ports.api();
    let mut right = 0;
    let mut count = 0;
    for group in groups {
        voice.heading(group);
        for step in &group.steps {
            count += 1;
            voice.step(count, step, api);
            let fits = match step.ask.send(api).await {
                Ok(answer) => voice.answer(&answer, &step.expected),
                Err(failure) => voice.no_answer(&failure, &step.expected),
            };
            right += usize::from(fits);
        }
    }
    voice.summary(right, count, "answers as documented");
    if right == count {
        Verdict::AsDocumented
    } else {
        Verdict::Different
    }
}

/// Ctrl-C, `kill`, or a terminal that is closed.
fn interruption() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program's own start is where time comes in"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
