//! `cargo xtask bench`: what a cached answer costs, beside bare HTTP and beside nginx.

mod answer;
mod arguments;
mod behaviour;
mod beside;
mod client;
mod configuration;
mod crowd;
mod drive;
mod envoy;
mod exchange;
mod failure;
mod figures;
mod flood;
mod group;
mod groups;
mod h2load;
mod issuer;
mod lab;
mod ledger;
mod machine;
mod metrics;
mod nginx;
mod number;
mod output;
mod paced;
mod page;
mod plot;
mod proc;
mod process;
mod redis;
mod role;
mod roles;
mod room;
mod running;
mod subject;
mod table;
mod tls;
mod wrk;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Scope;
use crate::failure::{Result, Tried};
use crate::figures::{Figure, Outcome};
use crate::group::Group;
use crate::lab::Lab;
use crate::ledger::Ledger;
use crate::output::{print_error, say};
use crate::page::Page;

/// Exit code of a program that Ctrl-C ended, as in a shell.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(played) = roles::play(&words) {
        return played;
    }
    let scope = Scope::parse();
    match end_with_a_signal().and_then(|()| measure(&scope)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            print_error(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Measures, and returns true if every figure is met and none is void.
fn measure(scope: &Scope) -> Result<bool> {
    let lab = Lab::set_up(scope)?;
    let mut ledger = Ledger::default();
    for group in Group::ALL
        .into_iter()
        .filter(|group| scope.includes(*group))
    {
        groups::run(group, &lab, &mut ledger);
    }
    let chosen = figures::all().filter(|figure| scope.includes(figure.group));
    let results: Vec<(&'static Figure, Outcome)> = chosen
        .map(|figure| (figure, figure.outcome(&ledger)))
        .collect();
    let figures = table::figures(results.iter());
    let loads = table::loads(&ledger);
    let machine = machine::describe(&lab);
    say(&format!(
        "\n{}\n{}",
        table::plain(&figures),
        table::plain(&loads)
    ));
    for (what, is) in &machine {
        say(&format!("{what}: {is}"));
    }
    if scope.is_whole() {
        let page = Page {
            machine: &machine,
            figures: &figures,
            loads: &loads,
            rounds: lab.rounds,
            seconds: lab.seconds,
            plotted: scope.plot,
        };
        write("benchmarks.md", &page.render())?;
        if scope.plot {
            write("benchmarks.svg", &plot::svg(&results))?;
        }
    }
    Ok(results.iter().all(|(_, outcome)| is_well(outcome, scope)))
}

fn is_well(outcome: &Outcome, scope: &Scope) -> bool {
    match outcome {
        Outcome::Measured { met, .. } => *met,
        Outcome::Void(_) => false,
        Outcome::NotMeasured => scope.quick,
    }
}

fn write(name: &str, text: &str) -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::write(docs.join(name), text).tried(name)?;
    say(&format!("wrote docs/{name}"));
    Ok(())
}

/// Ctrl-C, `kill`, a closed terminal, or the end of what started us: nothing of ours stays.
fn end_with_a_signal() -> Result<()> {
    let parent_ended = rustix::process::Signal::TERM;
    rustix::process::set_parent_process_death_signal(Some(parent_ended))
        .tried("cannot follow the parent")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .tried("no runtime")?;
    let signals = runtime.block_on(async {
        [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ]
        .map(signal)
    });
    let [interrupt, terminate, hang_up] = signals;
    let (mut interrupt, mut terminate, mut hang_up) = (
        interrupt.tried("signals")?,
        terminate.tried("signals")?,
        hang_up.tried("signals")?,
    );
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        process::end_all();
        lab::clear();
        print_error("interrupted: all that it started has ended");
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
