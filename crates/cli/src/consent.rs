use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use clap::Args;

use super::{Exit, Stopped};

/// Confirmation of an operation that cannot be undone.
#[derive(Args)]
pub(crate) struct Consent {
    /// Skip the confirmation, which is asked for at a terminal only
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// Asks for confirmation at the terminal, if there is one. The answer is not read from standard
    /// input, which may hold a token.
    pub(crate) fn ask(&self, question: &str) -> Result<(), Stopped> {
        let attended = io::stderr().is_terminal() || io::stdin().is_terminal();
        if self.yes || !attended {
            return Ok(());
        }
        let answer = question_at_terminal(question).map_err(|error| {
            Stopped::usage(format!(
                "cannot ask for confirmation at the terminal ({error}): give --yes"
            ))
        })?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Stopped {
                exit: Exit::Refused,
                message: "cancelled; nothing was changed".to_owned(),
            }),
        }
    }
}

fn question_at_terminal(question: &str) -> io::Result<String> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(format!("{question} [y/N] ").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer)?;
    Ok(answer)
}
