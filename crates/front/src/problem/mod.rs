//! The only way from a refusal to an HTTP reply: one table of statuses and texts.

mod table;

use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_LANGUAGE, HeaderMap, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use introspectd_core::Failure;
use introspectd_service::refusal::{CallerFault, ClientFault, Refusal, RequestFault};
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
    let body = Body { error: refusal.code(), error_description: description(refusal, language) };
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
    match refusal {
        Refusal::Caller(fault) => challenge_caller(headers, *fault),
        Refusal::Client(fault) => {
            headers.extend(challenge_client(fault).map(|challenge| (WWW_AUTHENTICATE, challenge)));
        }
        Refusal::Provider(fault) => {
            if let Failure::Unavailable { retry_after, .. } = fault.failure() {
                let seconds = retry_after.unwrap_or(RETRY_SOON).as_secs().max(1);
                headers.insert(RETRY_AFTER, seconds.into());
            }
        }
        Refusal::Request(RequestFault::NotForm | RequestFault::NotJson) => {
            // RFC 9110 section 15.5.16: a content coding may be what was wrong.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Refusal::Request(_) | Refusal::Record(_) | Refusal::Service(_) => {}
    }
}

fn challenge_caller(headers: &mut HeaderMap, fault: CallerFault) {
    match fault {
        CallerFault::Unauthenticated => {
            let basic = HeaderValue::from_static("Basic realm=\"introspectd\", charset=\"UTF-8\"");
            headers.insert(WWW_AUTHENTICATE, basic);
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"introspectd\""));
        }
        CallerFault::UnauthenticatedProxy => {
            // No scheme that the proxy's client knows: a browser would ask its user for our secret.
            let own = HeaderValue::from_static("Introspectd-Caller realm=\"introspectd\"");
            headers.insert(WWW_AUTHENTICATE, own);
        }
        CallerFault::AccessDenied => {}
    }
}

/// Returns the challenge of RFC 6750 section 3.
fn challenge_client(fault: &ClientFault) -> Option<HeaderValue> {
    match fault {
        ClientFault::NoPolicy => None,
        ClientFault::MissingToken => Some(HeaderValue::from_static("Bearer")),
        ClientFault::InvalidToken(_) => Some(HeaderValue::from_static("Bearer error=\"invalid_token\"")),
        ClientFault::InsufficientScope { scope, .. } => Some(insufficient_scope(scope)),
    }
}

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
