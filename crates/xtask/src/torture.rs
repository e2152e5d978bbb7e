//! `cargo xtask torture`: load, faults and an oracle. The torturing is a program of its own,
//! `crates/torture`.

use crate::bench::{build, built};
use crate::run::{Failure, Line, step};
use crate::tools;

/// Builds introspectd as it is shipped, and the program that tortures it, and runs that with these
/// arguments.
///
/// # Errors
/// The tools are missing, something does not build, or an answer was wrong.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    step("tools", || tools::install_missing(tools::TORTURE))?;
    let (torture, introspectd) = (build("introspectd-torture")?, built("introspectd")?);
    let introspectd = introspectd.to_string_lossy();
    let arguments = [&["--introspectd", &introspectd], arguments].concat();
    step("torture", || {
        Line::new(&torture.to_string_lossy(), &arguments).run()
    })
}
