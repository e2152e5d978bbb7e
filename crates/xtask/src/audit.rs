//! Chore `cargo xtask audit`: dependencies against the rules of `deny.toml`.

use crate::run::{Failure, Line, step};
use crate::tools;

/// Checks licences, bans, sources and advisories. If the advisory database cannot be fetched, the
/// result says so instead of failing.
///
/// Returns the last line to print.
///
/// # Errors
/// cargo-deny cannot be installed, or a rule is broken, or an advisory names one of our
/// dependencies.
pub(crate) fn dependencies() -> Result<&'static str, Failure> {
    step("cargo-deny", || tools::install_subcommand("deny"))?;
    step("licenses bans sources", || {
        Line::new(
            "cargo",
            &[
                "deny",
                "check",
                "--hide-inclusion-graph",
                "licenses",
                "bans",
                "sources",
            ],
        )
        .run()
    })?;
    if step("advisory database", || {
        Line::new("cargo", &["deny", "fetch", "db"]).run()
    })
    .is_err()
    {
        return Ok(
            "all else passed, but advisories were NOT CHECKED: their database could not be fetched",
        );
    }
    step("advisories", || {
        Line::new(
            "cargo",
            &["deny", "check", "--hide-inclusion-graph", "advisories"],
        )
        .run()
    })?;
    Ok("all checks passed")
}
