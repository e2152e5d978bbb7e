//! Way of a purge to the other replicas of a fleet.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::act::{Stage, Stages};
use crate::cast::Caller;
use crate::load::{Request, Way};
use crate::oracle::forgetting::Effect;
use crate::oracle::judge::Question;
use crate::oracle::seen::Seen;
use crate::oracle::token::Token;

/// Replicas that had a fact of a token before it was purged elsewhere.
pub(super) struct Warm(Vec<Stage>);

/// Faults this long before a purge may still keep it from being heard.
const SETTLING: Duration = Duration::from_secs(3);

/// Requests until a purge is seen come after this pause.
const EACH: Duration = Duration::from_millis(5);

impl Stages {
    /// Has every replica but this one ask about a token, so that it has something to forget.
    pub(super) async fn warm(&self, purger: &Stage, token: &Arc<Token>) -> Warm {
        let mut warm = Vec::new();
        for stage in self.all().filter(|stage| stage.replica != purger.replica) {
            if matches!(stage.probe(token).await.1, Seen::Active(_)) {
                warm.push(stage.clone());
            }
        }
        Warm(warm)
    }
}

impl Warm {
    /// Asks these replicas until they refuse the token, and notes how long that took.
    pub(super) async fn watch(self, token: &Arc<Token>, effect: Option<Effect>) {
        let Some(effect) = effect else {
            return;
        };
        let mut tasks = JoinSet::new();
        for stage in self.0 {
            let token = Arc::clone(token);
            tasks.spawn(async move { stage.watch(&token, effect).await });
        }
        tasks.join_all().await;
    }
}

impl Stage {
    async fn watch(&self, token: &Arc<Token>, effect: Effect) {
        let Some(bound) = effect.elsewhere else {
            return;
        };
        loop {
            let (sent, seen) = self.probe(token).await;
            if seen == Seen::Inactive {
                let before = effect.done.saturating_sub(SETTLING);
                let hears = [self.replica, effect.by]
                    .into_iter()
                    .all(|replica| self.oracle.is_well_since(replica, before));
                let delay = sent.saturating_sub(effect.done);
                self.oracle.tally.spread(hears, delay);
                return;
            }
            if sent > bound {
                return;
            }
            tokio::time::sleep(EACH).await;
        }
    }

    /// Asks about a token, and has the answer judged.
    async fn probe(&self, token: &Arc<Token>) -> (Duration, Seen) {
        let request = Request {
            way: Way::Introspect,
            value: token.value.clone(),
            question: Question {
                replica: self.replica,
                caller: Caller::Edge,
                decides: false,
                provider: token.provider,
                token: Some(Arc::clone(token)),
            },
        };
        let (exchange, seen) = self.asker.ask(self.oracle.watch, &request).await;
        self.oracle.tally.came_by("question about a purged token");
        self.oracle.hear(&request.question, &exchange, seen.clone());
        (exchange.sent.at, seen)
    }
}
