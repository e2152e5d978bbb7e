//! Lives of tokens: issued, revoked, purged.

use std::sync::Arc;

use fastrand::Rng;
use http::Method;
use serde_json::json;

use crate::act::Stage;
use crate::cast::Which;
use crate::oracle::finding::Rule;
use crate::oracle::forgetting::Forgetting;
use crate::oracle::moment;
use crate::oracle::token::Token;
use crate::plan::{self, Deed};
use crate::stop::Stop;
use crate::world::new_token;

/// Tokens of each provider at the start.
const FIRST: usize = 60;

const JSON: &str = "application/json";
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

/// Issues the first tokens.
pub(crate) async fn issue_first(stage: &Stage, mut rng: Rng) {
    for _ in 0..FIRST {
        for provider in Which::ALL {
            stage.issue(&mut rng, provider, false).await;
        }
    }
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
            let _ = self.operator.post_token("/introspect", &token.value).await;
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
    async fn bind(&self, token: &Token) -> bool {
        let body = json!({"token": token.value, "token_id": token.id}).to_string();
        let path = "/v1/providers/bank/bindings";
        let bound = self.operator.ask(Method::PUT, path, JSON, body).await;
        self.expect("bind", &bound, &token.value);
        matches!(bound, Ok((204, _)))
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

    async fn revoke_here(&self, token: &Token) {
        let begun = self.oracle.watch.at();
        token.note(|history| {
            history.ending.get_or_insert(begun);
        });
        let revoked = self.operator.post_token("/revoke", &token.value).await;
        let done = self.oracle.watch.at();
        self.expect("revoke", &revoked, &token.value);
        if matches!(revoked, Ok((200, _))) {
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

    async fn purge_token(&self, token: &Token) {
        let body = json!({"token": token.value}).to_string();
        let begun = self.oracle.watch.at();
        let purged = self.operator.ask(Method::POST, PURGE, JSON, body).await;
        let done = self.oracle.watch.at();
        self.expect("purge", &purged, &token.value);
        if matches!(purged, Ok((200, _))) {
            token.note(|history| history.purges.push(Forgetting { begun, done }));
            self.oracle.tally.did("token purged");
        }
    }

    async fn purge(&self, provider: Option<Which>) {
        let body = match provider {
            Some(provider) => json!({"provider": provider.name()}),
            None => json!({"all": true}),
        };
        let begun = self.oracle.watch.at();
        let purged = self
            .operator
            .ask(Method::POST, PURGE, JSON, body.to_string())
            .await;
        if matches!(purged, Ok((200, _))) {
            self.oracle.forgot(provider, begun, self.oracle.watch.at());
            self.oracle.tally.did("provider or all purged");
        }
    }

    async fn explain(&self, token: &Token) {
        let explained = self.operator.post_token("/v1/explain", &token.value).await;
        self.expect("explain", &explained, &token.value);
        self.oracle.tally.did("token explained");
    }

    /// Checks an operator's answer: success, a failure, or that the token ended meanwhile (404 and
    /// 409 to a binding, 501 to the revocation of a token that is bound no more). It never holds
    /// the token.
    fn expect(&self, what: &str, answer: &Result<(u16, bytes::Bytes), String>, value: &str) {
        // A connection that ended is judged where the load's are.
        let Ok((status, body)) = answer else { return };
        if !matches!(status, 200 | 204 | 404 | 409 | 501..=504) {
            let body = String::from_utf8_lossy(body);
            self.oracle
                .complain(Rule::Odd, format!("{what}: status {status}: {body}"));
        }
        if String::from_utf8_lossy(body).contains(value) {
            self.oracle
                .complain(Rule::Odd, format!("{what}: the answer holds the token"));
        }
    }
}
