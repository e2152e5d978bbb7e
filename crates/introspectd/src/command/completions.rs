use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::{Exit, Outcome, print};

/// Print what a shell needs to complete the words of this program.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  introspectd completions bash > ~/.local/share/bash-completion/completions/introspectd
  introspectd completions zsh > \"${fpath[1]}/_introspectd\"
  introspectd completions fish > ~/.config/fish/completions/introspectd.fish
  source <(introspectd completions bash)";

impl Completions {
    /// Of this program.
    pub(crate) fn run(self, mut program: Command) -> Outcome {
        let mut script = Vec::new();
        generate(self.shell, &mut program, "introspectd", &mut script);
        print(&script)?;
        Ok(Exit::Fine)
    }
}
