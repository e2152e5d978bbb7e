//! `cargo xtask test`: every check of the project, in the order in which they fail fastest.

use crate::npm;
use crate::pip;
use crate::run::{Failure, Line, step};
use crate::tools;

/// Everything. Nothing is skipped: a machine that cannot run a part of it fails.
///
/// # Errors
/// The first step that failed.
pub(crate) fn everything() -> Result<(), Failure> {
    step("tools", needed)?;
    step("format", || {
        Line::new("cargo", &["fmt", "--all", "--check"]).run()
    })?;
    step("clippy", || {
        Line::new(
            "cargo",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        )
        .run()
    })?;
    step("docs", || {
        Line::new("cargo", &["doc", "--workspace", "--no-deps"])
            .with("RUSTDOCFLAGS", "-D warnings")
            .run()
    })?;
    // First, so that the last lines are those of the tests and not of a crate without examples.
    step("examples", || {
        Line::new("cargo", &["test", "--workspace", "--doc"]).run()
    })?;
    step("tests", || {
        Line::new(
            "cargo",
            &["test", "--workspace", "--lib", "--bins", "--tests"],
        )
        .run()
    })
}

/// The tests that `filters`, arguments of `cargo test`, select. The tools are looked at first: it
/// takes no time where they are there, and without them the tests would fail for a reason that is
/// hard to see.
///
/// # Errors
/// The tools are missing, or a test failed.
pub(crate) fn only(filters: &[&str]) -> Result<(), Failure> {
    needed()?;
    // Without `--workspace`, which would overrule a `-p` among the filters; at the root it is the
    // default.
    let arguments = [&["test"], filters].concat();
    step("tests", || Line::new("cargo", &arguments).run())
}

fn needed() -> Result<(), Failure> {
    tools::install_missing(tools::TESTS)?;
    npm::PEERS.iter().try_for_each(|peer| npm::install(peer))?;
    pip::PEERS.iter().try_for_each(|peer| pip::install(peer))
}
