//! Tokens that come into circulation, and leave it.

use std::sync::Arc;

use fastrand::Rng;
use http::{Method, StatusCode};
use serde_json::json;

use crate::act::deeds::Outcome;
use crate::act::{Stage, Stages};
use crate::cast::Which;
use crate::load::Call;
use crate::oracle::moment;
use crate::oracle::token::Token;
use crate::world::new_token;

/// Tokens of each provider at the start.
const FIRST: usize = 20;

/// Issues the first tokens, at all providers at once: an operator's calls give way to others, and
/// one provider has some.
pub(crate) async fn issue_first(stages: &Stages, mut rng: Rng) {
    let mut tasks = tokio::task::JoinSet::new();
    for provider in Which::ALL {
        let (stages, mut rng) = (stages.clone(), rng.fork());
        tasks.spawn(async move {
            for _ in 0..FIRST {
                stages.issue(&mut rng, provider, false).await;
            }
        });
    }
    tasks.join_all().await;
}

impl Stages {
    /// Has a provider issue a token, about which somebody may ask first.
    pub(super) async fn issue(&self, rng: &mut Rng, provider: Which, asked_early: bool) {
        let first = &self.first;
        let (mut token, record) = new_token(rng, provider, moment::wall());
        if provider.is_local() {
            let keyring = &first.providers.keyring;
            keyring.sign(&mut token, &record, asked_early);
        }
        let token = Arc::new(token);
        if asked_early {
            token.note(|history| history.asked_early = true);
            let operator = &self.any(rng).operator;
            let _ = operator.ask(Call::token("/introspect", &token.value)).await;
        }
        first.providers.put(&token, record);
        if provider == Which::Bank {
            // Bindings stay in each process.
            for stage in self.all() {
                if !stage.bind(&token).await {
                    return;
                }
            }
        }
        let known = first.oracle.watch.at();
        token.note(|history| history.known = Some(known));
        first.oracle.tally.did("token issued");
        if provider.is_local() && asked_early {
            first
                .oracle
                .tally
                .did("token signed before its key was published");
        }
        first.circulate(&token);
    }
}

impl Stage {
    /// Tells introspectd which id a token of the bank has. Returns false if it was not confirmed.
    async fn bind(&self, token: &Arc<Token>) -> bool {
        let body = json!({"token": token.value, "token_id": token.id});
        let call = Call::json(Method::PUT, "/v1/providers/bank/bindings", &body);
        let bound = self.operate(call, Which::Bank, Some(token)).await;
        bound == Some(Outcome::Answered(StatusCode::NO_CONTENT))
    }

    /// Puts a token into circulation, in place of one that leaves it.
    pub(super) fn circulate(&self, token: &Arc<Token>) {
        if let Some(old) = self.stock.add(token)
            && !old.provider.is_local()
        {
            self.retire(&old);
        }
    }

    /// Takes a token out of its provider's records, once it is out of circulation.
    fn retire(&self, token: &Token) {
        let now = self.oracle.watch.at();
        token.note(|history| {
            history.ending.get_or_insert(now);
        });
        self.providers.remove(token);
        let now = self.oracle.watch.at();
        token.note(|history| {
            history.ended_there.get_or_insert(now);
        });
    }
}
