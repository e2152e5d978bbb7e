use http::{HeaderMap, StatusCode};
use introspectd_core::{Capabilities, Failure, Health, Timestamp};
use introspectd_resolver::ProviderStatus;
use serde::Serialize;

use crate::api::Session;
use crate::problem::Problem;
use crate::reply::{self, Reply};

#[derive(Serialize)]
struct Providers<'a> {
    providers: Vec<Provider<'a>>,
}

#[derive(Serialize)]
struct Provider<'a> {
    name: &'a str,
    kind: &'a str,
    /// What can be asked of it: the names of the calls.
    capabilities: Vec<&'static str>,
    /// `good`, `failing`, `credentials_refused` or, before the first request, `unknown`.
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
}

#[derive(Serialize)]
struct LastError {
    /// As a caller got it.
    error: &'static str,
    /// Of ours, without a word of the provider's.
    reason: String,
    /// Seconds since 1970.
    at: i64,
}

impl Session {
    /// `GET /v1/providers`: needs no permission, and shows a caller its own providers.
    pub(super) fn providers(&self, headers: &HeaderMap) -> Result<Reply, Problem> {
        let caller = self.caller(headers)?;
        let own = self.resolver().providers().filter(|status| caller.may_ask(status.name));
        Ok(reply::json(StatusCode::OK, &Providers { providers: own.map(Provider::from).collect() }))
    }
}

impl<'a> From<ProviderStatus<'a>> for Provider<'a> {
    fn from(status: ProviderStatus<'a>) -> Self {
        let ProviderStatus { name, kind, capabilities, health, last_failure } = status;
        let health = match health {
            Health::Unknown => "unknown",
            Health::Good => "good",
            Health::Failing => "failing",
            Health::CredentialsRefused => "credentials_refused",
        };
        let last_error = last_failure.map(LastError::from);
        Self { name: name.as_str(), kind, capabilities: names(capabilities), health, last_error }
    }
}

fn names(capabilities: Capabilities) -> Vec<&'static str> {
    let Capabilities { introspect, lookup, revoke, revoke_by_id, list, bind, issue } = capabilities;
    let all = [
        ("introspect", introspect),
        ("lookup", lookup),
        ("list", list),
        ("revoke", revoke),
        ("revoke_by_id", revoke_by_id),
        ("bind", bind),
        ("issue", issue),
    ];
    all.into_iter().filter_map(|(name, can)| can.then_some(name)).collect()
}

impl From<(Failure, Timestamp)> for LastError {
    fn from((failure, at): (Failure, Timestamp)) -> Self {
        let reason = failure.to_string();
        Self { error: Problem::from(failure).error(), reason, at: at.seconds() }
    }
}
