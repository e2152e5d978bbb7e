use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use hyper::body::Body;
use introspectd_core::TokenValue;
use serde::{Deserialize, Serialize};

use crate::api::Session;
use crate::audit::Note;
use crate::body::read_json;
use crate::caller::{Caller, Permission, Selection};
use crate::decision::Claims;
use crate::problem::{InvalidRequest, Problem};
use crate::reply::{self, Rendered, Reply};

/// What to forget: exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    token: Option<String>,
    provider: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    all: Option<bool>,
}

#[derive(Serialize)]
struct Purged {
    /// Facts that were taken out of the cache.
    purged: usize,
}

enum What {
    Token(TokenValue),
    /// Where a claim of this name has this value.
    Claim(Claim, String),
    All,
}

#[derive(Clone, Copy)]
pub(super) enum Claim {
    Provider,
    Sub,
    ClientId,
    TokenId,
}

impl Session {
    /// `POST /v1/cache/purge`. After its answer no request is served from what was purged.
    pub(super) async fn purge<B>(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let caller = self.caller_with(Permission::Purge, headers)?;
        let asked: Asked = read_json(headers, body).await?;
        asked.provider.as_deref().map(|name| self.known(caller, name)).transpose()?;
        let (what, resolver, caller) = (asked.what()?, Arc::clone(self.resolver()), Arc::clone(caller));
        what.note(note);
        // It may look at all of the cache, and a worker has other connections.
        let purged = tokio::task::spawn_blocking(move || match what {
            What::Token(token) => resolver.purge_token(&token),
            What::Claim(claim, value) => {
                resolver.purge(move |kept| claim.is(kept, &value) && is_of(&caller, kept))
            }
            What::All => resolver.purge(move |kept| is_of(&caller, kept)),
        });
        let purged = purged.await.unwrap_or_default();
        note.count = Some(purged);
        Ok(reply::json(StatusCode::OK, &Purged { purged }))
    }
}

impl What {
    fn note(&self, note: &mut Note) {
        match self {
            Self::Token(token) => {
                note.selector = Some(("token", None));
                note.token = Some(token.clone());
            }
            Self::Claim(claim, value) => note.selector = Some((claim.word(), Some(value.clone()))),
            Self::All => note.selector = Some(("all", None)),
        }
    }
}

impl Asked {
    fn what(self) -> Result<What, Problem> {
        let Self { token, provider, sub, client_id, all } = self;
        let token = token.map(TokenValue::parse).transpose().map_err(|_| InvalidRequest::NoToken)?;
        let claim = |claim, value: Option<String>| value.map(|value| What::Claim(claim, value));
        let mut asked = [
            token.map(What::Token),
            claim(Claim::Provider, provider),
            claim(Claim::Sub, sub),
            claim(Claim::ClientId, client_id),
            all.filter(|all| *all).map(|_| What::All),
        ]
        .into_iter()
        .flatten();
        match (asked.next(), asked.next()) {
            (Some(what), None) => Ok(what),
            _ => Err(InvalidRequest::NotOneToPurge.into()),
        }
    }
}

/// Whether a fact is about a token that the caller may see.
fn is_of(caller: &Caller, kept: &Rendered) -> bool {
    match &caller.providers {
        Selection::All => true,
        only => Claims::read(kept.as_bytes()).is_some_and(|claims| only.contains(&*claims.provider)),
    }
}

impl Claim {
    fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Sub => "sub",
            Self::ClientId => "client_id",
            Self::TokenId => "token_id",
        }
    }

    /// What cannot be read could be anything, and goes.
    pub(super) fn is(self, kept: &Rendered, value: &str) -> bool {
        // Most are of others: to look for the text takes a fraction of what to read does. An escaped text is not found
        // so, and read.
        let bytes = kept.as_bytes();
        let stands = memchr::memmem::find(bytes, value.as_bytes()).is_some() || bytes.contains(&b'\\');
        stands && Claims::read(bytes).is_none_or(|claims| self.of(&claims) == value)
    }

    fn of<'a>(self, claims: &'a Claims<'_>) -> &'a str {
        match self {
            Self::Provider => &claims.provider,
            Self::Sub => &claims.sub,
            Self::ClientId => &claims.client_id,
            Self::TokenId => &claims.jti,
        }
    }
}
