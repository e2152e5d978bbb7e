//! The only way from a refusal to an HTTP reply: one table of statuses and texts.

mod event;
mod query;
mod row;
mod table;

use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, CONTENT_LANGUAGE, HeaderMap, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, StatusCode};
use introspectd_core::Failure;
use introspectd_service::Scheme;
use introspectd_service::refusal::{CallerFault, ClientFault, Refusal, RequestFault, ServiceFault};
use serde::Serialize;

use crate::language::Language;
use crate::reply::{Reply, json};
use row::Row;
use table::find;

/// Nonce for a client's next proof (RFC 9449 section 8.2).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

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
    add_language(headers, language);
    add_headers(headers, refusal);
    reply
}

fn add_language(headers: &mut HeaderMap, language: Language) {
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
}

/// Replies to a refused security event as RFC 8935 section 2.4 says; to any other refusal as
/// everywhere.
pub(crate) fn event_reply(refusal: &Refusal, language: Language) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        err: &'a str,
        description: &'a str,
    }
    if !refusal.is_of_event() {
        return reply(refusal, language);
    }
    let body = Body {
        err: refusal.code(),
        description: description(refusal, language),
    };
    let mut reply = json(status(refusal), &body);
    add_language(reply.headers_mut(), language);
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
        Refusal::Client(ClientFault::InsufficientScope { scope, scheme, .. }) => {
            headers.insert(WWW_AUTHENTICATE, insufficient_scope(*scheme, scope));
        }
        Refusal::Client(ClientFault::NonceNeeded { nonce }) => {
            headers.extend(HeaderValue::try_from(nonce).ok().map(|it| (DPOP_NONCE, it)));
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
        Refusal::Service(ServiceFault::KeysMissing { retry_after }) => {
            headers.insert(RETRY_AFTER, (*retry_after).into());
        }
        Refusal::Request(
            RequestFault::NotForm | RequestFault::NotJson | RequestFault::NotSecurityEvent,
        ) => {
            // RFC 9110 section 15.5.16: a content coding may be what was wrong.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Refusal::Request(_)
        | Refusal::Caller(_)
        | Refusal::Client(_)
        | Refusal::Record(_)
        | Refusal::Event(_)
        | Refusal::Service(ServiceFault::NotCounted | ServiceFault::NotSigned) => {}
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
fn insufficient_scope(scheme: Scheme, scopes: &str) -> HeaderValue {
    let plain = HeaderValue::from_static(match scheme {
        Scheme::Bearer => "Bearer error=\"insufficient_scope\"",
        Scheme::Dpop => "DPoP error=\"insufficient_scope\"",
    });
    if scopes.is_empty() {
        return plain;
    }
    let scheme = scheme.name();
    let text = format!("{scheme} error=\"insufficient_scope\", scope=\"{scopes}\"");
    HeaderValue::try_from(text).unwrap_or(plain)
}

#[cfg(test)]
mod tests;
