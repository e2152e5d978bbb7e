//! The only way from a refusal to an HTTP reply: one table of statuses and texts.

mod table;

use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, CONTENT_LANGUAGE, HeaderMap, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};
use introspectd_core::Failure;
use introspectd_service::refusal::{CallerFault, ClientFault, Refusal, RequestFault, ServiceFault};
use serde::Serialize;

use crate::language::Language;
use crate::reply::{Reply, json};
use table::{Row, find};

/// Wait before a retry, if the provider names none.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// Replies to a refused request. Nothing in it depends on the token, a credential or a provider's
/// words.
pub(crate) fn reply(refusal: &Refusal, language: Language) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
        error_description: &'a str,
    }
    let body = Body {
        error: refusal.code(),
        error_description: description(refusal, language),
    };
    let mut reply = json(status(refusal), &body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
    add_headers(headers, refusal);
    reply
}

/// Returns the status of a refusal.
pub(crate) fn status(refusal: &Refusal) -> StatusCode {
    find(refusal).status
}

/// Returns what is wrong, for a person.
pub(crate) fn description(refusal: &Refusal, language: Language) -> &'static str {
    let Row { text, .. } = find(refusal);
    match language {
        Language::English => text.english,
        Language::Spanish => text.spanish,
    }
}

/// Adds the headers that a status needs.
fn add_headers(headers: &mut HeaderMap, refusal: &Refusal) {
    for challenge in find(refusal).challenges {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    match refusal {
        Refusal::Client(ClientFault::InsufficientScope { scope, .. }) => {
            headers.insert(WWW_AUTHENTICATE, insufficient_scope(scope));
        }
        Refusal::Provider(fault) => {
            if let Failure::Unavailable { retry_after, .. } = fault.failure() {
                let seconds = whole_seconds(retry_after.unwrap_or(RETRY_SOON));
                headers.insert(RETRY_AFTER, seconds.into());
            }
        }
        Refusal::Caller(CallerFault::RateLimited { retry_after }) => {
            headers.insert(RETRY_AFTER, (*retry_after).into());
        }
        Refusal::Service(ServiceFault::Shed | ServiceFault::NotShared) => {
            headers.insert(RETRY_AFTER, RETRY_SOON.as_secs().into());
        }
        Refusal::Request(RequestFault::NotForm | RequestFault::NotJson) => {
            // RFC 9110 section 15.5.16: a content coding may be what was wrong.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Refusal::Request(_)
        | Refusal::Caller(_)
        | Refusal::Client(_)
        | Refusal::Record(_)
        | Refusal::Service(ServiceFault::NotCounted) => {}
    }
}

/// Rounds up, so that whoever keeps to it does not come too early.
fn whole_seconds(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

/// Returns the challenge of RFC 6750 section 3 with the scopes of a policy.
///
/// Scope-tokens have no quote and no backslash, so they need no escape inside the quotes.
fn insufficient_scope(scopes: &str) -> HeaderValue {
    let plain = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
    if scopes.is_empty() {
        return plain;
    }
    let text = format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\"");
    HeaderValue::try_from(text).unwrap_or(plain)
}

#[cfg(test)]
mod tests;
