use std::time::Duration;

use crate::drive::turn;
use crate::envoy;
use crate::failure::{Failure, Result};
use crate::h2load;
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

/// One cached token, asked about as Envoy asks. Each round has servers of its own; the peer repeats
/// what ours answered.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let ours = Running::start(lab, Subject::Introspectd, authority.port, Room::GRPC)?;
    // It asks ours at its start, and so has the token cached there.
    let peer = Running::start(lab, Subject::Tonic, ours.grpc_port(), Room::DEFAULT)?;
    let subjects = [ours, peer];
    turn(&subjects, round).try_for_each(|running| once(lab, &authority, running, ledger))
}

fn once(lab: &Lab, authority: &Authority, running: &Running, ledger: &mut Ledger) -> Result<()> {
    let name = running.subject.name();
    let port = running.grpc_port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}")))?;
    let sample = runtime.block_on(envoy::ask(port))?;
    let length = envoy::frame(&sample).len();
    let asked = authority.count()?;
    let spent = running.cpu();
    let summary = h2load::run(lab, port, &envoy::frame(&envoy::request()), lab.seconds)?;
    let asked = authority.count()? - asked;
    let spent = running.cpu().saturating_sub(spent);
    let cpu = spent.as_secs_f64() * 1e6 / summary.requests.max(1) as f64;
    let rate = summary.requests as f64 / Duration::from_secs(lab.seconds).as_secs_f64();
    crate::output::print_status(&format!("  {name:<35} {rate:>8.0}/s  {cpu:>6.2} µs"));
    ledger.add(Key(running.subject, Load::Grpc, Metric::Cpu), cpu);
    ledger.add(Key(running.subject, Load::Grpc, Metric::Rate), rate);
    let mean = summary.data as f64 / summary.requests.max(1) as f64;
    let fault = if summary.requests < 100 || summary.failed > 0 {
        Some(format!(
            "{} answers, {} failed",
            summary.requests, summary.failed
        ))
    } else if (mean / length as f64 - 1.0).abs() > 0.01 {
        Some(format!("{mean:.0} bytes an answer instead of {length}"))
    } else {
        (asked > 0).then(|| format!("asked the authority {asked} times"))
    };
    if let Some(fault) = fault {
        crate::output::print_status(&format!("  void: {name}: {fault}"));
        ledger.fault(running.subject, Load::Grpc, format!("{name}: {fault}"));
    }
    Ok(())
}
