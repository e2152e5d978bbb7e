//! Troubles of a fleet's Redis, and of the ways to it.

use std::sync::Arc;

use crate::act::Stages;
use crate::oracle::weather::Kind;
use crate::plan::{Step, Way};
use crate::stop::Stop;
use crate::world::{SharedCache, Trouble};

/// One trouble of Redis itself after another.
pub(crate) async fn trouble(
    stages: Stages,
    cache: Arc<SharedCache>,
    plan: impl Iterator<Item = Step<Trouble>> + Send,
    mut stop: Stop,
) {
    for step in plan {
        if !stop.pause(step.pause).await {
            return;
        }
        let oracle = &stages.first.oracle;
        oracle.tally.did(step.what.title());
        oracle.journal.note(oracle.watch.at(), step.what.title());
        let ailing = || stages.all().map(|stage| (&stage.oracle, stage.replica));
        for (oracle, replica) in ailing() {
            oracle.ails(replica, Kind::Redis, oracle.watch.at());
        }
        let hold = async {
            stop.pause(step.hold).await;
        };
        cache.suffer(step.what, hold).await;
        for (oracle, replica) in ailing() {
            oracle.recovers(replica, Kind::Redis);
        }
    }
}

/// One disturbed way to Redis after another, beside the troubles of Redis itself.
pub(crate) async fn disturb(
    stages: Stages,
    cache: Arc<SharedCache>,
    plan: impl Iterator<Item = Step<Way>> + Send,
    mut stop: Stop,
) {
    for step in plan {
        if !stop.pause(step.pause).await {
            return;
        }
        let Way { replica, state } = step.what;
        let oracle = &stages.first.oracle;
        let act = format!("way to Redis: {}", step.what.title());
        oracle.journal.note(oracle.watch.at(), act.as_str());
        oracle.tally.did(act);
        oracle.ails(replica, Kind::Way, oracle.watch.at());
        cache.disturb(replica.0, state);
        stop.pause(step.hold).await;
        cache.disturb(replica.0, introspectd_redis_lab::State::Whole);
        oracle.recovers(replica, Kind::Way);
    }
}
