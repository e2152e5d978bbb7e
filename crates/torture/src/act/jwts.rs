//! Acts on JWTs and on the keys that sign them.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use http::StatusCode;
use tokio::task::JoinSet;

use crate::act::Stage;
use crate::act::deeds::Outcome;
use crate::cast::{Caller, Which};
use crate::load::{Call, Request, Way};
use crate::oracle::finding::Rule;
use crate::oracle::forgetting::{Cause, Effect, Forgetting};
use crate::oracle::judge::Question;
use crate::oracle::moment;
use crate::oracle::token::Token;
use crate::plan::Deed;
use crate::stop::Stop;
use crate::world::Stock;

const EACH: Duration = Duration::from_secs(1);

/// Tokens of a crowd, each with a key that nobody has.
const CROWD: usize = 40;

/// One key withdrawn at once comes on so many that are left to their time.
const WITHDRAWN: u8 = 8;

/// Has another key sign each second.
pub(super) async fn rotate_each_second(stage: Stage, mut stop: Stop) {
    while stop.pause(EACH).await {
        stage.providers.keyring.rotate();
        stage.oracle.tally.did("signing key rotated");
    }
}

impl Stage {
    /// Purges a token, or tries to revoke it. Introspectd cannot end what others go on verifying,
    /// says so, and forgets it all the same.
    pub(super) async fn forget(&self, token: &Arc<Token>, deed: Deed) {
        if deed == Deed::Purge {
            self.purge_token(token).await;
            return;
        }
        let begun = self.oracle.watch.at();
        let call = Call::token("/revoke", &token.value);
        let revoked = self.operate(call, token.provider, Some(token)).await;
        // One that is forged may name another issuer, which nobody is asked about.
        if let Some(Outcome::Answered(status)) = revoked
            && token.key.is_some()
            && ![StatusCode::NOT_IMPLEMENTED, StatusCode::SERVICE_UNAVAILABLE].contains(&status)
        {
            let story = format!("revocation of a JWT: {status}");
            self.oracle.complain(Rule::Odd, story);
        }
        let done = Effect::only(self.replica, self.oracle.watch.at());
        let cause = Cause::Purge;
        let purge = Forgetting { begun, done, cause };
        token.note(|history| history.purges.push(purge));
        self.oracle.tally.did("revocation of a JWT refused");
    }

    /// Has the issuer withdraw the key of a token, sometimes.
    pub(super) fn withdraw_key(&self, rng: &mut Rng, token: &Token) {
        if rng.u8(..WITHDRAWN) == 0 && !self.sabotaged {
            self.providers.revoke(token);
            self.oracle.tally.did("signing key withdrawn at once");
        }
    }

    /// Puts a token into circulation that was never good.
    pub(super) fn forge_token(&self, rng: &mut Rng) {
        let forged = self.providers.keyring.forge(rng, moment::wall());
        if let Some(token) = forged {
            self.circulate(&Arc::new(token));
            self.oracle.tally.did("token forged");
        }
    }

    /// Asks about many tokens at once, each of which names another key that nobody has.
    pub(super) async fn crowd_of_keys(&self, rng: &mut Rng) {
        let mut tasks = JoinSet::new();
        for _ in 0..CROWD {
            let request = Request {
                way: Way::Introspect,
                value: Stock::made_up(rng, Which::Corp),
                question: Question {
                    replica: self.replica,
                    caller: Caller::Edge,
                    decides: false,
                    provider: Which::Corp,
                    token: None,
                },
            };
            let (asker, oracle) = (Arc::clone(&self.asker), Arc::clone(&self.oracle));
            tasks.spawn(async move {
                let (exchange, seen) = asker.ask(oracle.watch, &request).await;
                oracle.tally.came_by("question of a crowd");
                oracle.hear(&request.question, &exchange, seen);
            });
        }
        tasks.join_all().await;
        self.oracle.tally.did("crowd of made-up keys");
    }
}
