//! `cargo xtask bench`: what a cached answer costs. The measuring is a program of its own,
//! `crates/bench`.

use std::path::PathBuf;

use crate::run::{Failure, Line, step};
use crate::tools;

/// Builds introspectd as it is shipped, and the program that measures it, and runs that with these
/// arguments.
///
/// # Errors
/// The tools are missing, something does not build, or a figure is not met.
pub(crate) fn figures(arguments: &[&str]) -> Result<(), Failure> {
    step("tools", || tools::install_missing(tools::BENCHMARKS))?;
    let bench = build("introspectd-bench")?;
    // Not through `cargo run`: it would choose features for this package alone, and build all of it
    // again.
    step("bench", || {
        Line::new(&bench.to_string_lossy(), arguments).run()
    })
}

/// Times the parts of a hit.
///
/// # Errors
/// Something does not build.
pub(crate) fn parts() -> Result<(), Failure> {
    step("parts", || inside("parts"))
}

/// Runs one of the benchmarks that look inside introspectd.
pub(crate) fn inside(name: &str) -> Result<(), Failure> {
    Line::new(
        "cargo",
        &["bench", "-p", "introspectd-bench", "--bench", name],
    )
    .run()
}

/// Builds introspectd as it is shipped, and another program beside it. Returns that one's path.
pub(crate) fn build(program: &str) -> Result<PathBuf, Failure> {
    let packages = ["build", "--release", "-p", "introspectd", "-p", program];
    step("build", || Line::new("cargo", &packages).run())?;
    built(program)
}

/// Path of a released binary: beside the folder of this program.
pub(crate) fn built(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot find the path of this program: {error}")))?;
    let target = own.ancestors().nth(2);
    let target = target.ok_or_else(|| {
        Failure::new(format!("{} is not in cargo's target folder", own.display()))
    })?;
    Ok(target.join("release").join(name))
}
