//! `cargo demo -- --fleet`: three replicas that share a Redis, and what they promise.

mod redis;
mod reply;
mod show;
mod stage;

use crate::Verdict;
use crate::ask::Ask;
use crate::output::say;
use crate::ports::{FleetPorts, REPLICAS};
use crate::print::Voice;
use crate::server::Build;

use show::Show;
use stage::Stage;

pub(crate) use redis::ensure_installed;

/// Dropped at any point, it ends what it started.
pub(crate) async fn play(once: bool, build: &Build, ports: FleetPorts) -> Result<Verdict, String> {
    let mut stage = Stage::set(build, ports).await?;
    let voice = Voice::of_terminal();
    opening(&voice, &stage);
    let verdict = Show::new(&voice, &mut stage).run().await?;
    if once {
        return Ok(verdict);
    }
    closing(&voice, &stage);
    Err(stage.ended().await)
}

fn opening(voice: &Voice, stage: &Stage) {
    say("\nThree replicas of introspectd are up. They share a Redis, in front of one provider:\n");
    voice.table(&stage.table());
    say(&format!("\n  configuration  {}", stage.configurations()));
    say(&format!("  logs           {}", stage.logs()));
}

fn closing(voice: &Voice, stage: &Stage) {
    say("\nThe fleet goes on. Some lines to paste into another terminal:\n");
    for (name, api) in REPLICAS.into_iter().zip(stage.ports.api()) {
        say(&format!("    at {name}:"));
        voice.command(&Ask::token(stage::ISSUED).curl(api));
    }
    let [first, ..] = stage.ports.api();
    voice.command(&Ask::revoke(stage::ISSUED).curl(first));
    voice.command(&format!(
        "redis-cli -p {} --scan",
        stage.ports.redis().port()
    ));
    say("");
    voice.stops();
}
