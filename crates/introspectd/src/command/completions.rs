use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::{Exit, Outcome, print};

/// Print a completion script for a shell.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// Shell of the script
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  introspectd completions bash > ~/.local/share/bash-completion/completions/introspectd
  introspectd completions zsh > \"${fpath[1]}/_introspectd\"
  introspectd completions fish > ~/.config/fish/completions/introspectd.fish
  source <(introspectd completions bash)";

impl Completions {
    /// Prints the script of `program`.
    pub(crate) fn run(self, mut program: Command) -> Outcome {
        let mut script = Vec::new();
        generate(self.shell, &mut program, "introspectd", &mut script);
        print(&script)?;
        Ok(Exit::Fine)
    }
}
