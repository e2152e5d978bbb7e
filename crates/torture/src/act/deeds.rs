//! Lives of tokens: issued, revoked, purged.

use std::sync::Arc;

use fastrand::Rng;
use http::{Method, StatusCode};
use serde_json::json;

use crate::act::Stage;
use crate::cast::{Caller, Which};
use crate::load::{Call, failed};
use crate::oracle::finding::Rule;
use crate::oracle::forgetting::{Cause, Forgetting};
use crate::oracle::judge::Question;
use crate::oracle::moment::{self, Exchange};
use crate::oracle::seen::Seen;
use crate::oracle::token::Token;
use crate::plan::{self, Deed};
use crate::stop::Stop;
use crate::world::new_token;

/// Tokens of each provider at the start.
const FIRST: usize = 20;

const PURGE: &str = "/v1/cache/purge";

/// One deed after another. Each is a task of its own: a provider that hangs holds no other up.
pub(crate) async fn perform(stage: Stage, mut rng: Rng, mut stop: Stop) {
    let mut tasks = tokio::task::JoinSet::new();
    for step in plan::deeds(rng.fork()) {
        if !stop.pause(step.pause).await {
            break;
        }
        let (stage, rng) = (stage.clone(), rng.fork());
        tasks.spawn(async move { stage.perform_one(step.what, rng).await });
        while tasks.try_join_next().is_some() {}
    }
    tasks.join_all().await;
}

/// Issues the first tokens, at all providers at once: an operator's calls give way to others, and
/// one provider has some.
pub(crate) async fn issue_first(stage: &Stage, mut rng: Rng) {
    let mut tasks = tokio::task::JoinSet::new();
    for provider in Which::ALL {
        let (stage, mut rng) = (stage.clone(), rng.fork());
        tasks.spawn(async move {
            for _ in 0..FIRST {
                stage.issue(&mut rng, provider, false).await;
            }
        });
    }
    tasks.join_all().await;
}

impl Stage {
    async fn perform_one(&self, deed: Deed, mut rng: Rng) {
        let provider = Which::ALL
            .get(rng.usize(..Which::ALL.len()))
            .copied()
            .unwrap_or(Which::Sso);
        let token = self.stock.any(&mut rng, provider);
        match (deed, token) {
            (Deed::Issue, _) => self.issue(&mut rng, provider, false).await,
            (Deed::IssueAskedEarly, _) => self.issue(&mut rng, provider, true).await,
            (Deed::RevokeHere, Some(token)) => self.revoke_here(&token).await,
            (Deed::RevokeThere, Some(token)) => self.revoke_there(&token),
            (Deed::Purge, Some(token)) => self.purge_token(&token).await,
            (Deed::PurgeProvider, _) => self.purge(Some(provider)).await,
            (Deed::PurgeAll, _) => self.purge(None).await,
            (Deed::Explain, Some(token)) => self.explain(&token).await,
            (Deed::RevokeHere | Deed::RevokeThere | Deed::Purge | Deed::Explain, None) => {}
        }
    }

    async fn issue(&self, rng: &mut Rng, provider: Which, asked_early: bool) {
        let (token, record) = new_token(rng, provider, moment::wall());
        let token = Arc::new(token);
        if asked_early {
            token.note(|history| history.asked_early = true);
            let _ = self
                .operator
                .ask(Call::token("/introspect", &token.value))
                .await;
        }
        self.providers.put(&token, record);
        if provider == Which::Bank && !self.bind(&token).await {
            return;
        }
        let known = self.oracle.watch.at();
        token.note(|history| history.known = Some(known));
        self.oracle.tally.did("token issued");
        if let Some(old) = self.stock.add(&token) {
            self.retire(&old);
        }
    }

    /// Tells introspectd which id a token of the bank has. Returns false if it was not confirmed.
    async fn bind(&self, token: &Arc<Token>) -> bool {
        let body = json!({"token": token.value, "token_id": token.id});
        let call = Call::json(Method::PUT, "/v1/providers/bank/bindings", &body);
        let bound = self.operate(call, Which::Bank, Some(token)).await;
        bound == Some(StatusCode::NO_CONTENT)
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

    async fn revoke_here(&self, token: &Arc<Token>) {
        let begun = self.oracle.watch.at();
        token.note(|history| {
            history.ending.get_or_insert(begun);
        });
        let call = Call::token("/revoke", &token.value);
        let revoked = self.operate(call, token.provider, Some(token)).await;
        if revoked == Some(StatusCode::OK) {
            let done = self.oracle.watch.at();
            token.note(|history| {
                history.ended_here.get_or_insert(done);
            });
            self.oracle.tally.did("token revoked here");
        }
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

    async fn purge_token(&self, token: &Arc<Token>) {
        let call = Call::json(Method::POST, PURGE, &json!({"token": token.value}));
        let begun = self.oracle.watch.at();
        let purged = self.operate(call, token.provider, Some(token)).await;
        if purged == Some(StatusCode::OK) {
            let (done, cause) = (self.oracle.watch.at(), Cause::Purge);
            let purge = Forgetting { begun, done, cause };
            token.note(|history| history.purges.push(purge));
            self.oracle.tally.did("token purged");
        }
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
        if purged.await == Some(StatusCode::OK) {
            self.oracle.forgot(provider, begun, Cause::Purge);
            self.oracle.tally.did("provider or all purged");
        }
    }

    async fn explain(&self, token: &Arc<Token>) {
        let call = Call::token("/v1/explain", &token.value);
        let explained = self.operate(call, token.provider, Some(token)).await;
        if explained == Some(StatusCode::OK) {
            self.oracle.tally.did("token explained");
        }
    }

    /// Asks as the operator, and returns the status. An answer is a success, a failure that a fault
    /// explains, or that the token ended meanwhile (404 and 409 to a binding, 501 to the revocation
    /// of a token that is bound no more). It never holds the token.
    async fn operate(
        &self,
        call: Call,
        provider: Which,
        token: Option<&Arc<Token>>,
    ) -> Option<StatusCode> {
        let oracle = &self.oracle;
        let path = call.path;
        let sent = oracle.watch.moment();
        let answer = self.operator.ask(call).await;
        let received = oracle.watch.moment();
        oracle.tally.came_by("operator's call");
        let question = Question {
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
        Some(reply.status)
    }
}
