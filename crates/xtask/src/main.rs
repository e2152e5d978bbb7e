//! The project's chores, for developers and for the machine that checks their commits.
#![allow(
    clippy::print_stdout,
    reason = "a program for the terminal: what it prints is what it is for"
)]
#![allow(
    clippy::print_stderr,
    reason = "a program for the terminal reports errors there"
)]

mod audit;
mod bench;
mod fuzz;
mod instructions;
mod mutants;
mod npm;
mod pip;
mod run;
mod test;
mod tools;
mod torture;

use std::process::ExitCode;

use crate::run::Failure;

const HELP: &str = "\
The chores of introspectd's developers.

Usage: cargo xtask <COMMAND>

Commands:
  test            Installs what the tests need and is missing, then runs every check:
                  tools, format, clippy, docs, tests. Stops at the first that fails
  test -- ARGS    Only the tests, with ARGS handed to `cargo test`
  audit           Licences, bans, sources and advisories of the dependencies (cargo-deny).
                  Installs cargo-deny when it is missing, which takes minutes
  bench ARGS      Cost of a cached answer beside bare HTTP and nginx, into docs/benchmarks.md.
                  Installs nginx and wrk when they are missing; see `bench --help`
  bench --instructions [--accept]
                  Instructions of a hit, against the committed number; names functions that grew.
                  With --accept writes them. Installs valgrind and gungraun-runner
  bench --parts   Times of the parts of a hit: form, caller, key, cache, reply (criterion)
  torture ARGS    Steady load and faults on every side, and an oracle that judges every answer;
                  see `torture --help`
  fuzz [--minutes N]
                  Each decoder on any bytes, guided by coverage, N minutes each (1 by default).
                  Installs cargo-bolero when it is missing, which takes minutes
  mutants [CRATE] Changes one thing at a time in what decides; the tests must notice. Hours for all
                  crates. Installs cargo-mutants when it is missing, which takes minutes
  help, --help    This text

Examples:
  cargo xtask test
  cargo xtask test -- -p introspectd-core
  cargo xtask test -- -p introspectd-tests expired_entry_is_not_served -- --nocapture
  cargo xtask audit
  cargo xtask bench --quick
  cargo xtask torture --minutes 5
  cargo xtask fuzz --minutes 10
  cargo xtask mutants core

Exit codes: 0 success, 1 a step failed (the last line names it), 2 wrong usage.";

const WRONG_USAGE: u8 = 2;
const CAUGHT: &str = "the mutants are caught, or survive for a written reason";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["help" | "--help" | "-h"] | ["test" | "audit" | "fuzz" | "mutants", "--help" | "-h"] => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        ["test"] | ["test", "--"] => {
            ended("test", test::everything().map(|()| "all checks passed"))
        }
        ["test", "--", filters @ ..] => {
            ended("test", test::only(filters).map(|()| "all checks passed"))
        }
        ["audit"] => ended("audit", audit::dependencies()),
        ["bench", "--instructions"] => ended(
            "bench",
            instructions::compare(false).map(|()| "all checks passed"),
        ),
        ["bench", "--instructions", "--accept"] => ended(
            "bench",
            instructions::compare(true).map(|()| "all checks passed"),
        ),
        ["bench", "--parts"] => ended("bench", bench::parts().map(|()| "all checks passed")),
        ["fuzz"] => ended("fuzz", fuzz::run(None).map(|()| "no target failed")),
        ["fuzz", "--minutes", minutes] => ended(
            "fuzz",
            fuzz::run(Some(minutes)).map(|()| "no target failed"),
        ),
        ["mutants"] => ended("mutants", mutants::test(None).map(|()| CAUGHT)),
        ["mutants", package] => ended("mutants", mutants::test(Some(package)).map(|()| CAUGHT)),
        ["torture", arguments @ ..] => ended(
            "torture",
            torture::run(arguments).map(|()| "no rule was broken"),
        ),
        ["bench", arguments @ ..] => ended(
            "bench",
            bench::figures(arguments).map(|()| "all checks passed"),
        ),
        _ => {
            eprintln!("{HELP}");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

/// The last line of a chore, and the exit code that goes with it.
fn ended(chore: &str, outcome: Result<&str, Failure>) -> ExitCode {
    match outcome {
        Ok(verdict) => {
            println!("xtask {chore}: {verdict}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("xtask {chore}: {failure}");
            ExitCode::FAILURE
        }
    }
}
