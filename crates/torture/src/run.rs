//! One run, from the first start to the report.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::sync::Mutex;

use crate::act::{InForce, Stage, Stages};
use crate::cast::Replica;
use crate::load::{Asker, Load, Operator};
use crate::oracle::Oracle;
use crate::oracle::finding::Rule;
use crate::oracle::moment::Watch;
use crate::plan::stream;
use crate::stop::Stop;
use crate::subject::{Subject, shared_cache as section, shared_terms, terms};
use crate::world::{Providers, SharedCache};
use crate::{Options, Report};

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);
/// Time in which unexplained answers are judged again.
const SETTLING: Duration = Duration::from_secs(4);

/// Replicas of a fleet.
const REPLICAS: usize = 3;

/// Tortures introspectd, and reports.
///
/// # Errors
/// The process cannot be started at all, or a simulator or file cannot be made.
pub async fn run(options: Options) -> io::Result<Report> {
    raise_descriptors();
    let stages = stages(&options).await?;
    let oracle = Arc::clone(&stages.first.oracle);
    let (end, stop) = Stop::new();
    stages.sample_waits(&stop);
    stages.prepare(options.seed).await?;

    let acts = stages.act(options.seed, &stop);
    let load = Load {
        rate: options.rate,
        requests: options.requests,
        rng: stream(options.seed, "load"),
    };
    let load = load.run(
        stages.all().map(|stage| Arc::clone(&stage.asker)).collect(),
        Arc::clone(&stages.first.stock),
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
    oracle.judge_fetches(stages.first.providers.key_fetches());
    for stage in stages.all() {
        finish(stage).await;
    }
    count_handshakes(&stages.first);
    Ok(Report::new(&options, &stages.first, time))
}

/// Makes all that acts need. Starts no process of ours.
async fn stages(options: &Options) -> io::Result<Stages> {
    let watch = Watch::start();
    let providers = Arc::new(Providers::start(watch).await?);
    let shared_cache = match options.fleet {
        Some(deployment) => Some(SharedCache::start(deployment, REPLICAS).await),
        None => None,
    };
    let urls = shared_cache.as_ref().map(SharedCache::urls);
    let count = urls.map_or(1, <[String]>::len);
    let load = options.rate.div_ceil(u32::try_from(count).unwrap_or(1));
    let alone = terms(options.slack, options.is_shared, load);
    let terms = options.fleet.map_or(alone, |it| shared_terms(alone, it));
    let oracle = Arc::new(Oracle::new(watch, terms, count));
    let (stock, client) = (Arc::default(), Arc::default());
    let without = Arc::new(options.without.clone());
    let stage = |number: usize, section: String| {
        let subject = Arc::new(Subject::new(options, terms, section)?);
        Ok(Stage {
            replica: Replica(number),
            providers: Arc::clone(&providers),
            stock: Arc::clone(&stock),
            oracle: Arc::clone(&oracle),
            asker: Arc::new(Asker::new(Arc::clone(&subject))?),
            operator: Arc::new(Operator::new(subject.ports.api)),
            admin: Arc::new(Operator::new(subject.ports.admin)),
            in_force: Arc::new(Mutex::new(InForce::FIRST)),
            client: Arc::clone(&client),
            without: Arc::clone(&without),
            sabotaged: options.sabotaged && options.fleet.is_none(),
            subject,
        })
    };
    let sections = urls.unwrap_or_default().iter().enumerate();
    // The last one lies.
    let sections = sections.map(|(number, url)| {
        let lies = options.sabotaged && number + 1 == REPLICAS;
        (number, section(url, lies))
    });
    let mut all = sections.map(|(number, section)| stage(number, section));
    let first = all.next().unwrap_or_else(|| stage(0, String::new()))?;
    let others = all.collect::<io::Result<_>>()?;
    Ok(Stages {
        first,
        others,
        shared_cache: shared_cache.map(Arc::new),
    })
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
        (
            "keys fetched from a provider",
            stage.providers.key_fetches(),
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
