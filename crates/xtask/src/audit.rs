//! `cargo xtask audit`: what we depend on, against the rules of `deny.toml`.

use crate::run::{Failure, Line, step};

/// Licences, bans and sources are judged from what is here; advisories need a database, and a machine that
/// cannot fetch it is told so rather than failed.
///
/// Returns what to say at the end.
///
/// # Errors
/// cargo-deny cannot be installed, or a rule is broken, or an advisory names one of our dependencies.
pub(crate) fn dependencies() -> Result<&'static str, Failure> {
    step("cargo-deny", installed)?;
    step("licenses bans sources", || {
        Line::new("cargo", &["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]).run()
    })?;
    if step("advisory database", || Line::new("cargo", &["deny", "fetch", "db"]).run()).is_err() {
        return Ok("the rest is well, but advisories were NOT CHECKED: their database could not be fetched");
    }
    step("advisories", || {
        Line::new("cargo", &["deny", "check", "--hide-inclusion-graph", "advisories"]).run()
    })?;
    Ok("all is well")
}

fn installed() -> Result<(), Failure> {
    if Line::new("cargo", &["deny", "--version"]).output().is_some() {
        return Ok(());
    }
    println!("    cargo-deny is missing and is built now: that takes minutes");
    Line::new("cargo", &["install", "cargo-deny", "--locked"]).run()
}
