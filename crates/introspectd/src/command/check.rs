use std::path::PathBuf;

use clap::Args;
use introspectd::Config;

use super::{Exit, Outcome, Stopped, environment, say};

/// Validate a configuration and print the effective settings (secrets masked).
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  introspectd check --config introspectd.toml
  INTROSPECTD__CACHE__TTL=30s introspectd check --config introspectd.toml

Exits with 2 and lists every problem if the configuration is invalid.";

impl Check {
    pub(crate) fn run(self) -> Outcome {
        let loaded = Config::load(&self.config, &environment());
        let (_, settings) = loaded.map_err(|problems| Stopped::usage(problems.to_string()))?;
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
        Ok(Exit::Fine)
    }
}
