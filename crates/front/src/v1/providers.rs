use http::StatusCode;
use introspectd_core::{Capabilities, Failure, Health, Timestamp};
use introspectd_service::refusal::failure_code;
use introspectd_service::{ProviderStatus, operation};
use serde::Serialize;

use crate::call::{Answering, Call};
use crate::reply;

#[derive(Serialize)]
struct Providers<'a> {
    providers: Vec<Provider<'a>>,
}

#[derive(Serialize)]
struct Provider<'a> {
    name: &'a str,
    kind: &'a str,
    /// Names of the supported operations.
    capabilities: Vec<&'static str>,
    /// `good`, `failing`, `open`, `credentials_refused` or, before the first request, `unknown`.
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
}

#[derive(Serialize)]
struct LastError {
    /// Code of the refusal that callers got.
    error: &'static str,
    /// Words of ours, without any of the provider's.
    reason: String,
    /// Seconds since 1970.
    at: i64,
}

/// `GET /v1/providers`: the caller's own providers.
#[allow(clippy::needless_pass_by_value, reason = "all handlers have this type")]
pub(crate) fn providers(call: Call<'_>) -> Answering<'_> {
    let own = operation::providers(call.service, call.caller);
    let providers = own.into_iter().map(Provider::from).collect();
    let reply = reply::json(StatusCode::OK, &Providers { providers });
    Box::pin(std::future::ready(Ok(reply)))
}

impl<'a> From<ProviderStatus<'a>> for Provider<'a> {
    fn from(status: ProviderStatus<'a>) -> Self {
        let ProviderStatus {
            name,
            kind,
            capabilities,
            health,
            gauges: _,
            meter: _,
            last_failure,
            lookups: _,
        } = status;
        let health = match health {
            Health::Unknown => "unknown",
            Health::Good => "good",
            Health::Failing => "failing",
            Health::Open => "open",
            Health::CredentialsRefused => "credentials_refused",
        };
        let last_error = last_failure.map(LastError::from);
        Self {
            name: name.as_str(),
            kind,
            capabilities: names(capabilities),
            health,
            last_error,
        }
    }
}

fn names(capabilities: Capabilities) -> Vec<&'static str> {
    let Capabilities {
        introspect,
        lookup,
        revoke,
        revoke_by_id,
        list,
        bind,
        issue,
    } = capabilities;
    let all = [
        ("introspect", introspect),
        ("lookup", lookup),
        ("list", list),
        ("revoke", revoke),
        ("revoke_by_id", revoke_by_id),
        ("bind", bind),
        ("issue", issue),
    ];
    all.into_iter()
        .filter_map(|(name, can)| can.then_some(name))
        .collect()
}

impl From<(Failure, Timestamp)> for LastError {
    fn from((failure, at): (Failure, Timestamp)) -> Self {
        let reason = failure.to_string();
        Self {
            error: failure_code(&failure),
            reason,
            at: at.seconds(),
        }
    }
}
