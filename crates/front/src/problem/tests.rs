use super::*;
use introspectd_core::{BadAnswer, Unreachable};
use std::collections::BTreeSet;

fn outage(outage: Outage, seconds: Option<u64>) -> Problem {
    Problem::Failure(Failure::Unavailable { outage, retry_after: seconds.map(Duration::from_secs) })
}

#[test]
fn every_problem_has_its_status_and_error() {
    let mut answered = BTreeSet::new();
    let challenge = "x".into();
    let insufficient = Problem::InsufficientScope { challenge, missing: Missing::default() };
    for (problem, status, error) in [
        (InvalidRequest::NoToken.into(), 400, "invalid_request"),
        (Problem::MissingToken, 401, "missing_token"),
        (Problem::InvalidToken(Inactive::Expired), 401, "invalid_token"),
        (insufficient, 403, "insufficient_scope"),
        (Problem::NoPolicy, 404, "not_found"),
        (Problem::InvalidProxy, 401, "invalid_client"),
        (Problem::InvalidClient, 401, "invalid_client"),
        (Problem::AccessDenied, 403, "access_denied"),
        (Problem::NotFound, 404, "not_found"),
        (Problem::MethodNotAllowed { allow: "POST" }, 405, "method_not_allowed"),
        (Problem::TooSlow, 408, "request_timeout"),
        (Problem::Conflict(Conflict::OtherId), 409, "conflict"),
        (Problem::Conflict(Conflict::Revoked), 409, "conflict"),
        (Problem::TooLarge, 413, "payload_too_large"),
        (Problem::HeadTooLong, 431, "head_too_long"),
        (Problem::NotForm, 415, "unsupported_media_type"),
        (Problem::NotCounted, 500, "server_error"),
        (Failure::Unsupported.into(), 501, "unsupported"),
        (Failure::from(BadAnswer::NotAnObject).into(), 502, "upstream_error"),
        (outage(Outage::Unreachable(Unreachable::Refused), None), 503, "temporarily_unavailable"),
        (outage(Outage::Overloaded, None), 503, "temporarily_unavailable"),
        (outage(Outage::Purged, None), 503, "temporarily_unavailable"),
        (Problem::NotRevoked(Failure::outage(Outage::NotSaved)), 503, "temporarily_unavailable"),
        (Failure::Timeout.into(), 504, "upstream_timeout"),
    ] {
        let Row(found, code, english, spanish) = problem.row();
        assert_eq!((found.as_u16(), code), (status, error), "{problem:?}");
        answered.insert(code.to_owned());
        assert_ne!(english, spanish);
        let reply = problem.reply(Language::Spanish);
        assert_eq!(reply.headers()["cache-control"], "no-store");
        assert_eq!(reply.headers()["content-language"], "es");
    }
    assert_eq!(answered, crate::description::errors(), "openapi.json has others");
}

#[test]
fn the_headers_that_a_status_needs() {
    let reply = |problem: Problem| problem.reply(Language::English);
    let challenges = reply(Problem::InvalidClient);
    assert_eq!(challenges.headers().get_all("www-authenticate").iter().count(), 2);
    assert_eq!(reply(Problem::MethodNotAllowed { allow: "POST" }).headers()["allow"], "POST");
    assert_eq!(reply(Problem::MissingToken).headers()["www-authenticate"], "Bearer");
    let invalid = reply(Problem::InvalidToken(Inactive::Malformed));
    assert_eq!(invalid.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    assert_eq!(reply(outage(Outage::Status(429), Some(17))).headers()["retry-after"], "17");
    assert_eq!(reply(outage(Outage::Closed, Some(0))).headers()["retry-after"], "1");
    assert_eq!(reply(outage(Outage::Closed, None)).headers()["retry-after"], "1");
}

#[test]
fn the_challenge_names_the_scopes() {
    assert_eq!(insufficient_scope("a b.c"), "Bearer error=\"insufficient_scope\", scope=\"a b.c\"");
    assert_eq!(insufficient_scope(""), "Bearer error=\"insufficient_scope\"");
}
