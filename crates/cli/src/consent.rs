use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use clap::Args;

use super::{Exit, Stopped};

/// Whether to ask before something is done that nothing takes back.
#[derive(Args)]
pub(crate) struct Consent {
    /// Do not ask first. Without a terminal nothing is asked
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// Asks whoever sits at the terminal, if there is one. Standard input may hold a token, so it is not what the
    /// answer is read from.
    pub(crate) fn ask(&self, question: &str) -> Result<(), Stopped> {
        let attended = io::stderr().is_terminal() || io::stdin().is_terminal();
        if self.yes || !attended {
            return Ok(());
        }
        let answer = question_at_terminal(question)
            .map_err(|error| Stopped::usage(format!("cannot ask at the terminal ({error}): give --yes")))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Stopped { exit: Exit::Refused, message: "nothing was done".to_owned() }),
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
