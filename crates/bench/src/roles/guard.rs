use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::failure::{Failure, Result, Tried};

/// Becomes another program, one that the system ends when the one that started it is gone.
pub(super) fn run(words: &[String]) -> Result<()> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| Failure::new("nothing to guard"))?;
    set_parent_process_death_signal(Some(Signal::TERM)).tried("cannot tie it to its parent")?;
    Err(Command::new(program).args(arguments).exec()).tried(format!("cannot start {program}"))
}
