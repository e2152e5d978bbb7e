//! One run, from the first start to the report.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::sync::Mutex;

use crate::act::{InForce, Stage};
use crate::load::{Asker, Load, Operator};
use crate::oracle::Oracle;
use crate::oracle::finding::Rule;
use crate::oracle::moment::Watch;
use crate::plan::stream;
use crate::stop::Stop;
use crate::subject::{Subject, terms};
use crate::world::{Providers, Stock};
use crate::{Options, Report};

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);
/// Time in which unexplained answers are judged again.
const SETTLING: Duration = Duration::from_secs(4);

/// Tortures introspectd, and reports.
///
/// # Errors
/// The process cannot be started at all, or a simulator or file cannot be made.
pub async fn run(options: Options) -> io::Result<Report> {
    raise_descriptors();
    let providers = Arc::new(Providers::start().await?);
    let terms = terms(options.slack, options.is_shared, options.rate);
    let subject = Arc::new(Subject::new(&options, terms)?);
    let oracle = Arc::new(Oracle::new(Watch::start(), terms));
    let asker = Arc::new(Asker::new(Arc::clone(&subject))?);
    let stage = Stage {
        subject: Arc::clone(&subject),
        providers,
        stock: Arc::new(Stock::default()),
        oracle: Arc::clone(&oracle),
        asker: Arc::clone(&asker),
        operator: Arc::new(Operator::new(subject.ports.api)),
        admin: Arc::new(Operator::new(subject.ports.admin)),
        in_force: Arc::new(Mutex::new(InForce::FIRST)),
        client: Arc::default(),
        without: Arc::new(options.without.clone()),
        sabotaged: options.sabotaged,
    };
    let (end, stop) = Stop::new();
    stage.sample_waits(&stop);
    stage.prepare(options.seed).await?;

    let acts = stage.act(options.seed, &stop);
    let load = Load {
        rate: options.rate,
        requests: options.requests,
        rng: stream(options.seed, "load"),
    };
    let load = load.run(
        asker,
        Arc::clone(&stage.stock),
        Arc::clone(&oracle),
        stop.clone(),
    );
    let mut load = tokio::spawn(load);
    tokio::select! {
        _ = &mut load => {}
        () = tokio::time::sleep(options.time) => {}
        () = show_progress(&oracle, options.progress) => {}
    }
    let time = oracle.watch.at();
    // No receiver is gone before `stop` is.
    let _ = end.send(true);
    if !load.is_finished() {
        let _ = load.await;
    }
    acts.join_all().await;
    tokio::time::sleep(SETTLING).await;
    oracle.judge_last_rates();
    finish(&stage).await;
    count_handshakes(&stage);
    Ok(Report::new(&options, &stage, time))
}

/// A process that survived all this ends as asked.
async fn finish(stage: &Stage) {
    stage.subject.signal(Signal::TERM).await;
    match stage.subject.ended().await {
        Ok(status) if status.success() => {}
        Ok(status) => {
            let story = format!("its last end: {status}");
            stage.oracle.complain(Rule::Died, story);
        }
        Err(error) => {
            let story = format!("does not end: {error}");
            stage.oracle.complain(Rule::Died, story);
        }
    }
}

/// Shows that what was rotated was used.
fn count_handshakes(stage: &Stage) {
    let [accepted, refused] = stage.providers.gate.handshakes();
    for (what, times) in [
        ("TLS handshake with a provider", accepted),
        ("TLS handshake with a provider broken off", refused),
        (
            "bearer token fetched from a provider",
            stage.providers.bearers(),
        ),
    ] {
        stage.oracle.tally.did_times(what, times);
    }
}

/// Never ends.
async fn show_progress(oracle: &Oracle, is_wanted: bool) {
    let mut before = 0;
    loop {
        tokio::time::sleep(PROGRESS).await;
        if !is_wanted {
            continue;
        }
        let requests = oracle.tally.requests();
        let faults: Vec<String> = oracle
            .weather
            .now()
            .iter()
            .map(|spell| match spell.provider {
                Some(provider) => format!("{} {:?}", provider.name(), spell.kind),
                None => format!("{:?}", spell.kind),
            })
            .collect();
        crate::report::progress(&format!(
            "{:>6.0} s  {requests:>10} requests  {:>6} a second  {:>4} findings  {}",
            oracle.watch.at().as_secs_f64(),
            (requests - before) / PROGRESS.as_secs(),
            oracle.tally.findings(),
            faults.join(", ")
        ));
        before = requests;
    }
}

/// The load and the crowd need more descriptors than a process is given.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Fails where it is as high as may be: the crowd is smaller then.
    let _ = setrlimit(Resource::Nofile, raised);
}
