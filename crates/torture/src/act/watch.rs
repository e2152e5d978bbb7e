//! Watch over the process: whether it lives, and how much it takes.

use std::time::Duration;

use crate::act::Stage;
use crate::oracle::finding::Rule;
use crate::oracle::weather::Kind;
use crate::stop::Stop;
use crate::subject::MEMORY;

/// Looks after the process until the run is over.
pub(crate) async fn over(stage: Stage, mut stop: Stop) {
    while stop.pause(Duration::from_millis(500)).await {
        stage.providers.forget_requests().await;
        stage.oracle.judge_rates();
        if let Some(bytes) = stage.subject.memory().await {
            stage.oracle.tally.took_memory(bytes);
            if bytes > MEMORY {
                let story = format!("{} MiB", bytes >> 20);
                stage.oracle.complain(Rule::Memory, story);
            }
        }
        let Some(status) = stage.subject.died().await else {
            continue;
        };
        let mut in_force = stage.in_force.lock().await;
        let oracle = &stage.oracle;
        let story = format!("{status}: {}", stage.subject.logs.last_words());
        oracle.complain(Rule::Died, story);
        let begun = oracle.watch.at();
        let from = begun.saturating_sub(Duration::from_secs(1));
        oracle.ails(stage.replica, Kind::Down, from);
        oracle.restarts(stage.replica, in_force.variant);
        if let Err(error) = stage.subject.start().await {
            oracle.complain(Rule::Died, format!("does not start again: {error}"));
        }
        oracle.restarted(stage.replica, begun);
        in_force.restarted();
        oracle.recovers(stage.replica, Kind::Down);
    }
}
