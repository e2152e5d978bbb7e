use std::time::Duration;

use http::{HeaderMap, StatusCode};
use hyper::body::Body;
use introspectd_core::{ProviderName, Selector, Target, TokenValue};
use introspectd_resolver as resolver;
use serde::{Deserialize, Serialize};

use crate::api::Session;
use crate::audit::Note;
use crate::body::read_json;
use crate::problem::{InvalidRequest, Problem};
use crate::reply::{self, Reply};
use introspectd_service::Permission;

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
    /// Facts that were removed from the cache.
    purged: usize,
    /// Whether more may follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    estimate: bool,
}

/// Longest wait for the count of what was removed. The purge itself is in force at once.
const PATIENCE: Duration = Duration::from_millis(250);

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
        let target = asked.target(|name| self.known(caller, name).cloned())?;
        describe(&target, note);
        // Confined to what the caller may see.
        let selector = Selector::new(target).within(caller.providers.clone());
        let counted = self.resolver().purge_counted(&selector, PATIENCE).await;
        let resolver::Purged { count, is_estimate } = counted.map_err(|_| Problem::NotCounted)?;
        note.count = Some(count);
        Ok(reply::json(StatusCode::OK, &Purged { purged: count, estimate: is_estimate }))
    }
}

fn describe(target: &Target, note: &mut Note) {
    note.selector = Some(match target {
        Target::Token(token) => {
            note.token = Some(token.clone());
            ("token", None)
        }
        Target::Record { id, .. } => ("token_id", Some(id.as_str().to_owned())),
        Target::Subject(subject) => ("sub", Some(subject.clone())),
        Target::Client(client) => ("client_id", Some(client.clone())),
        Target::Provider(provider) => ("provider", Some(provider.as_str().to_owned())),
        Target::All => ("all", None),
    });
}

impl Asked {
    /// What is asked for. An empty value names nothing: no token has an empty `sub`, and one without any is not meant.
    fn target(
        self,
        provider: impl Fn(&str) -> Result<ProviderName, InvalidRequest>,
    ) -> Result<Target, InvalidRequest> {
        let Self { token, provider: name, sub, client_id, all } = self;
        let all = all.unwrap_or_default();
        Ok(match (token, name, sub, client_id, all) {
            (Some(token), None, None, None, false) => {
                Target::Token(TokenValue::parse(token).map_err(|_| InvalidRequest::NoToken)?)
            }
            (None, Some(name), None, None, false) => Target::Provider(provider(&name)?),
            (None, None, Some(sub), None, false) if !sub.is_empty() => Target::Subject(sub),
            (None, None, None, Some(client), false) if !client.is_empty() => Target::Client(client),
            (None, None, None, None, true) => Target::All,
            _ => return Err(InvalidRequest::NotOneToPurge),
        })
    }
}
