//! Lives of tokens: issued, revoked, purged.

use std::sync::Arc;

use fastrand::Rng;
use http::{Method, StatusCode};
use serde_json::json;

use crate::act::{Stage, Stages};
use crate::cast::{Caller, Which};
use crate::load::{Call, failed};
use crate::oracle::finding::Rule;
use crate::oracle::forgetting::{Cause, Effect, Forgetting};
use crate::oracle::judge::Question;
use crate::oracle::moment::Exchange;
use crate::oracle::seen::Seen;
use crate::oracle::token::Token;
use crate::plan::{self, Deed};
use crate::stop::Stop;

/// Words of a refusal that is in force at the replica that was asked.
const NOT_SHARED: &str = "at this replica only";

/// Outcome of an operator's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered(StatusCode),
    /// Done here; the other replicas may not hear of it.
    NotShared,
}

const PURGE: &str = "/v1/cache/purge";

/// One deed after another. Each is a task of its own: a provider that hangs holds no other up.
pub(crate) async fn perform(stages: Stages, mut rng: Rng, mut stop: Stop) {
    let mut tasks = tokio::task::JoinSet::new();
    for step in plan::deeds(rng.fork()) {
        if !stop.pause(step.pause).await {
            break;
        }
        let (stages, rng) = (stages.clone(), rng.fork());
        tasks.spawn(async move { stages.perform_one(step.what, rng).await });
        while tasks.try_join_next().is_some() {}
    }
    tasks.join_all().await;
}

impl Stages {
    async fn perform_one(&self, deed: Deed, mut rng: Rng) {
        let provider = Which::ALL
            .get(rng.usize(..Which::ALL.len()))
            .copied()
            .unwrap_or(Which::Sso);
        let token = self.first.stock.any(&mut rng, provider);
        let stage = self.any(&mut rng);
        match (deed, token) {
            (Deed::Issue, _) => self.issue(&mut rng, provider, false).await,
            (Deed::IssueAskedEarly, _) => self.issue(&mut rng, provider, true).await,
            (Deed::RevokeHere | Deed::Purge, Some(token)) if provider.is_local() => {
                stage.forget(&token, deed).await;
            }
            (Deed::RevokeThere, Some(token)) if provider.is_local() => {
                self.first.withdraw_key(&mut rng, &token);
            }
            (Deed::RevokeHere, Some(token)) => {
                let others = self.warm(stage, &token).await;
                let effect = stage.revoke_here(&token).await;
                others.watch(&token, effect).await;
            }
            (Deed::RevokeThere, Some(token)) => stage.revoke_there(&token),
            (Deed::Purge, Some(token)) => {
                let others = self.warm(stage, &token).await;
                // Else nobody can tell a purged fact from a fresh one.
                if self.shared_cache.is_some() {
                    stage.revoke_there(&token);
                }
                let effect = stage.purge_token(&token).await;
                others.watch(&token, effect).await;
            }
            (Deed::PurgeProvider, _) => stage.purge(Some(provider)).await,
            (Deed::PurgeAll, _) => stage.purge(None).await,
            (Deed::Explain, Some(token)) => stage.explain(&token).await,
            (Deed::Forge, _) => self.first.forge_token(&mut rng),
            (Deed::Crowd, _) => stage.crowd_of_keys(&mut rng).await,
            (Deed::RevokeHere | Deed::RevokeThere | Deed::Purge | Deed::Explain, None) => {}
        }
    }

    /// Any replica's stage.
    pub(super) fn any(&self, rng: &mut Rng) -> &Stage {
        let place = rng.usize(..=self.others.len());
        self.all().nth(place).unwrap_or(&self.first)
    }
}

impl Stage {
    async fn revoke_here(&self, token: &Arc<Token>) -> Option<Effect> {
        let begun = self.oracle.watch.at();
        token.note(|history| {
            history.ending.get_or_insert(begun);
        });
        let call = Call::token("/revoke", &token.value);
        let revoked = self.operate(call, token.provider, Some(token)).await;
        let effect = self.effect(revoked?)?;
        token.note(|history| history.ended_here.push(effect));
        self.oracle.tally.did("token revoked here");
        Some(effect)
    }

    fn revoke_there(&self, token: &Token) {
        let begun = self.oracle.watch.at();
        token.note(|history| {
            history.ending.get_or_insert(begun);
        });
        if !self.sabotaged {
            self.providers.revoke(token);
        }
        let done = self.oracle.watch.at();
        token.note(|history| {
            history.ended_there.get_or_insert(done);
        });
        self.oracle.tally.did("token revoked at its provider");
    }

    pub(super) async fn purge_token(&self, token: &Arc<Token>) -> Option<Effect> {
        let call = Call::json(Method::POST, PURGE, &json!({"token": token.value}));
        let begun = self.oracle.watch.at();
        let purged = self.operate(call, token.provider, Some(token)).await;
        let effect = self.effect(purged?)?;
        let (done, cause) = (effect, Cause::Purge);
        let purge = Forgetting { begun, done, cause };
        token.note(|history| history.purges.push(purge));
        self.oracle.tally.did("token purged");
        Some(effect)
    }

    async fn purge(&self, provider: Option<Which>) {
        let body = match provider {
            Some(provider) => json!({"provider": provider.name()}),
            None => json!({"all": true}),
        };
        let call = Call::json(Method::POST, PURGE, &body);
        let begun = self.oracle.watch.at();
        // No provider is asked.
        let purged = self.operate(call, provider.unwrap_or(Which::Sso), None);
        let effect = purged.await.and_then(|outcome| self.effect(outcome));
        if let Some(effect) = effect {
            self.oracle.forgot(provider, begun, effect, Cause::Purge);
            self.oracle.tally.did("provider or all purged");
        }
    }

    /// Replicas at which a purge or revocation with this outcome is in force, from now on.
    fn effect(&self, outcome: Outcome) -> Option<Effect> {
        let done = self.oracle.watch.at();
        let only = Effect::only(self.replica, done);
        match outcome {
            Outcome::Answered(StatusCode::OK) => {
                let reach = self.oracle.terms.sharing.map(|sharing| sharing.reach);
                let elsewhere = reach.map(|reach| done + reach);
                Some(Effect { elsewhere, ..only })
            }
            Outcome::NotShared => {
                self.oracle
                    .tally
                    .did("purge in force at its own replica only");
                Some(only)
            }
            Outcome::Answered(_) => None,
        }
    }

    async fn explain(&self, token: &Arc<Token>) {
        let call = Call::token("/v1/explain", &token.value);
        let explained = self.operate(call, token.provider, Some(token)).await;
        if explained == Some(Outcome::Answered(StatusCode::OK)) {
            self.oracle.tally.did("token explained");
        }
    }

    /// Asks as the operator, and returns the outcome. An answer is a success, a failure that a
    /// fault explains, or that the token ended meanwhile (404 and 409 to a binding, 501 to the
    /// revocation of a token that is bound no more). It never holds the token.
    pub(super) async fn operate(
        &self,
        call: Call,
        provider: Which,
        token: Option<&Arc<Token>>,
    ) -> Option<Outcome> {
        let oracle = &self.oracle;
        let path = call.path;
        let sent = oracle.watch.moment();
        let answer = self.operator.ask(call).await;
        let received = oracle.watch.moment();
        oracle.tally.came_by("operator's call");
        let question = Question {
            replica: self.replica,
            caller: Caller::Operator,
            decides: false,
            provider,
            token: token.cloned(),
        };
        let exchange = Exchange { sent, received };
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                let seen = Seen::Lost {
                    why: format!("{path}: {error}"),
                    is_fresh: true,
                };
                oracle.hear(&question, &exchange, seen);
                return None;
            }
        };
        match reply.status.as_u16() {
            200 | 204 | 404 | 409 | 501 => {}
            _ => {
                let seen = failed(reply.status, &reply.headers, &reply.body);
                oracle.hear(&question, &exchange, seen);
            }
        }
        let body = String::from_utf8_lossy(&reply.body);
        if token.is_some_and(|token| body.contains(&token.value)) {
            oracle.complain(Rule::Odd, format!("{path}: the answer holds the token"));
        }
        if reply.status == StatusCode::SERVICE_UNAVAILABLE && body.contains(NOT_SHARED) {
            return Some(Outcome::NotShared);
        }
        Some(Outcome::Answered(reply.status))
    }
}
