//! Tortures introspectd and reports what broke.
#![allow(
    clippy::print_stdout,
    reason = "a program for the terminal: what it prints is what it is for"
)]
#![allow(
    clippy::print_stderr,
    reason = "a program for the terminal reports errors there"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use introspectd_torture::{Deployment, Options, run};

const EXAMPLES: &str = "\
Examples:
  cargo xtask torture --minutes 5
  cargo xtask torture --seed 42 --minutes 1        the decisions of an earlier run
  cargo xtask torture --requests 10000000 --minutes 60 --rate 8000 --report docs/torture.md
  cargo xtask torture --minutes 5 --fleet standalone        three replicas, and faults of Redis
  cargo xtask torture --minutes 1 --sabotage       introspectd is made to lie: that must be found

The seed decides which fault comes when, for how long, and what is asked about; it is printed first.
As root the disk is filled as well (a tmpfs of 64 MiB); with libfaketime (Debian: faketime) the
clock jumps. What was not tried is in the report.

Exit codes: 0 no rule was broken, 1 there are findings, 2 wrong usage, 3 it could not be run.";

/// Torture introspectd: steady load, faults on every side, and an oracle that judges every answer.
#[derive(Parser)]
#[command(name = "cargo xtask torture", after_help = EXAMPLES)]
struct Arguments {
    /// Seed of all decisions; a random one by default
    #[arg(long)]
    seed: Option<u64>,
    /// Longest time of the run
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// End after so many requests
    #[arg(long)]
    requests: Option<u64>,
    /// Requests a second
    #[arg(long, default_value_t = 4000)]
    rate: u32,
    /// Milliseconds that an answer may take beyond the provider's timeout
    #[arg(long, default_value_t = 2000)]
    slack: u64,
    /// Other programs use this machine: forgive what threads verifiably waited for a processor
    #[arg(long)]
    shared: bool,
    /// Torture three replicas over one Redis of this kind, in place of one process
    #[arg(long, value_name = "REDIS", value_parser = ["standalone", "sentinel", "cluster"])]
    fleet: Option<String>,
    /// Leave out: reload, restart, clock, disk or crowd
    #[arg(long, value_name = "ACT", value_parser = ["reload", "restart", "clock", "disk", "crowd"])]
    without: Vec<String>,
    /// Write the report to this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Make introspectd lie, to see that the oracle finds it
    #[arg(long)]
    sabotage: bool,
    /// The introspectd binary
    #[arg(long, value_name = "FILE")]
    introspectd: PathBuf,
}

/// Longest run: a day.
const LONGEST: f64 = 24.0 * 60.0;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let minutes = arguments.minutes.clamp(0.0, LONGEST);
    println!("seed {seed}");
    let mut options = Options {
        time: Duration::from_secs_f64(minutes * 60.0),
        requests: arguments.requests,
        rate: arguments.rate,
        slack: Duration::from_millis(arguments.slack),
        is_shared: arguments.shared,
        fleet: arguments.fleet.as_deref().and_then(deployment),
        sabotaged: arguments.sabotage,
        progress: true,
        ..Options::new(arguments.introspectd, seed)
    };
    options.without.extend(arguments.without);
    let report = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(run(options)));
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            eprintln!("torture: {error}");
            return ExitCode::from(3);
        }
    };
    println!("\n{report}");
    if let Some(file) = arguments.report {
        let page = format!("{HEAD}\n{report}\n");
        if let Err(error) = std::fs::write(&file, page) {
            eprintln!("torture: {}: {error}", file.display());
            return ExitCode::from(3);
        }
    }
    if report.findings() > 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn deployment(name: &str) -> Option<Deployment> {
    match name {
        "standalone" => Some(Deployment::Standalone),
        "sentinel" => Some(Deployment::Sentinel),
        "cluster" => Some(Deployment::Cluster),
        _ => None,
    }
}

/// Beginning of a page with the report.
const HEAD: &str = include_str!("head.md");
