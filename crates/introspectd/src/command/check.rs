use std::path::{Path, PathBuf};

use clap::Args;
use introspectd::Config;
use introspectd::reload::InForce;

use super::answer::AnswerArgs;
use super::{Exit, Outcome, Stopped, environment, say};

/// Validate a configuration and print the effective settings (secrets masked).
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Configuration of a running server: print what a reload would change instead
    #[arg(long, value_name = "FILE")]
    running: Option<PathBuf>,
    #[command(flatten)]
    answer: AnswerArgs,
}

const EXAMPLES: &str = "\
Examples:
  introspectd check --config introspectd.toml
  INTROSPECTD__CACHE__TTL=30s introspectd check --config introspectd.toml
  introspectd check --config new.toml --running introspectd.toml
  introspectd check --config introspectd.toml --provider github --answer answer.json --status 200
  introspectd check --config introspectd.toml --provider github --answer answer.json --status 200 \\
    --token - < token.txt

Exits with 2 and lists every problem if the configuration is invalid, or, with --running, if a
reload would refuse it. With --answer it exits with 0 if the token would be active, 1 if it would
not, 3 if the answer says nothing about it.";

impl Check {
    pub(crate) fn run(self) -> Outcome {
        if let Some(outcome) = self.answer.run(&self.config) {
            return outcome;
        }
        if let Some(running) = &self.running {
            return compare(running, &self.config);
        }
        let loaded = Config::load(&self.config, &environment());
        let (config, settings) = loaded.map_err(|problems| Stopped::usage(problems.to_string()))?;
        let width = settings
            .iter()
            .map(|it| it.key.len() + it.value.len())
            .max()
            .unwrap_or_default()
            .min(72);
        for setting in settings {
            let assignment = format!("{} = {}", setting.key, setting.value);
            say(&format!(
                "{assignment:width$}  # {}",
                setting.origin,
                width = width + 3
            ))?;
        }
        for (provider, weakness) in config.weaknesses() {
            say(&format!("# WARNING: providers.{provider}.{weakness}"))?;
        }
        for policy in config.unproven_policies() {
            say(&format!(
                "# WARNING: policies.{policy}.binding = \"pass\": whoever has found a token that \
                 is bound to a key passes without that key, unless the application checks"
            ))?;
        }
        Ok(Exit::Fine)
    }
}

/// Prints the sections that a reload from one file to the other would change.
fn compare(running: &Path, next: &Path) -> Outcome {
    let in_force = |file: &Path| {
        let (_, loaded) = Config::load_watched(file, &environment());
        let loaded = loaded.map_err(|problems| Stopped::usage(problems.to_string()))?;
        Ok(InForce::new(loaded.settings, loaded.secrets))
    };
    let changes = in_force(running)?.changes(&in_force(next)?);
    let keys = changes.needing_restart();
    if !keys.is_empty() {
        let keys = keys.join(", ");
        return Err(Stopped::usage(format!("these keys need a restart: {keys}")));
    }
    say(&match changes.are_none() {
        true => "a reload would change nothing".to_owned(),
        false => format!("a reload would change: {changes}"),
    })?;
    Ok(Exit::Fine)
}
