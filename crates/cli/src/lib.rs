//! Commands that ask a running introspectd, and what all commands share: exits, output, secrets on
//! standard input.

mod client;
mod client_file;
mod connection;
mod consent;
mod explain;
mod health;
mod lookup;
mod purge;
mod revoke;
pub mod screen;
mod tokens;

use std::future::Future;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use introspectd_core::text::harmless;
use introspectd_settings::Environment;

pub use explain::Explain;
pub use health::Health;
pub use lookup::Lookup;
pub use purge::Purge;
pub use revoke::Revoke;
pub use tokens::Tokens;

/// Exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: success.
    Fine,
    /// 1: the server refused, or the token is inactive.
    Refused,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: the server cannot be reached, or failed.
    Unreachable,
}

/// Error that ends a command.
#[derive(Debug)]
pub struct Stopped {
    pub exit: Exit,
    /// Message for standard error; may be empty.
    pub message: String,
}

/// Result of a command.
pub type Outcome = Result<Exit, Stopped>;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
        })
    }
}

impl Stopped {
    /// Creates an error of usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }

    /// Ends the command successfully and without output, because its reader is gone.
    pub fn silently() -> Self {
        Self {
            exit: Exit::Fine,
            message: String::new(),
        }
    }

    /// Creates an error of a server that cannot be reached, or failed.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Unreachable,
            message: message.into(),
        }
    }
}

/// Writes a line to standard output. A reader that has closed it (`| head`) changes nothing.
pub fn say(line: &str) -> Result<(), Stopped> {
    written(format!("{line}\n").as_bytes()).map(drop)
}

/// Writes to standard output. A reader that has closed it (`| head`) ends the command without an
/// error.
pub fn print(text: &[u8]) -> Result<(), Stopped> {
    if written(text)? {
        Ok(())
    } else {
        Err(Stopped::silently())
    }
}

/// Writes the text. Returns false if its reader is gone.
fn written(text: &[u8]) -> Result<bool, Stopped> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Stopped::usage(format!(
            "cannot write to standard output: {error}"
        ))),
    }
}

/// Writes a line to standard error.
pub fn complain(line: &str) {
    if !line.is_empty() {
        let _ = io::stderr().write_all(complaint(line).as_bytes());
    }
}

/// Formats a line for standard error, harmless to a terminal: it may quote text from elsewhere.
pub fn complaint(line: &str) -> String {
    format!("introspectd: {}\n", harmless(line.trim_end()))
}

/// Returns the environment, without variables that are not UTF-8: none of ours is.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Most bytes of a token or secret on standard input.
const MAX_SECRET: u64 = 64 * 1024;

/// Reads a secret from standard input, where neither the process list nor the shell's history shows
/// it. A line break at its end is stripped.
pub fn read_secret(what: &str) -> Result<String, Stopped> {
    if io::stdin().is_terminal() {
        complain(&format!("type the {what}, then Enter and Ctrl-D"));
    }
    let mut text = String::new();
    let read = io::stdin().take(MAX_SECRET + 1).read_to_string(&mut text);
    read.map_err(|error| {
        Stopped::usage(format!(
            "cannot read the {what} from standard input: {error}"
        ))
    })?;
    if text.len() as u64 > MAX_SECRET {
        return Err(Stopped::usage(format!(
            "the {what} on standard input has more than 64 KiB"
        )));
    }
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Stopped::usage(format!("give the {what} on standard input")));
    }
    Ok(text.to_owned())
}

/// Runs a client command to its end.
pub fn block_on<T>(work: impl Future<Output = Result<T, Stopped>>) -> Result<T, Stopped> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .map_err(|error| Stopped::unreachable(error.to_string()))?
        .block_on(work)
}
