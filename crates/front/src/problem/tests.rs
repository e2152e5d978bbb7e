use std::collections::BTreeSet;

use introspectd_core::{BadAnswer, Outage, Unreachable};
use introspectd_service::refusal::{
    CallerFault, EventFault, Inactive, InvalidQuery, InvalidRequest, Missing, ProviderFault,
    RecordFault, ServiceFault,
};
use introspectd_service::{Fault, KeyRefusal, ProofFault};

use super::*;

fn outage(outage: Outage, seconds: Option<u64>) -> Refusal {
    Failure::Unavailable {
        outage,
        retry_after: seconds.map(Duration::from_secs),
    }
    .into()
}

#[test]
fn every_refusal_has_its_status_and_code() {
    let mut answered = BTreeSet::new();
    let insufficient = ClientFault::InsufficientScope {
        scope: "x".into(),
        missing: Missing::default(),
        scheme: Scheme::Bearer,
    };
    let unverified = Fault::Key(KeyRefusal::Signature);
    let not_saved = ProviderFault::NotRevoked(Failure::outage(Outage::NotSaved));
    for (refusal, status, code) in [
        (InvalidRequest::NoToken.into(), 400, "invalid_request"),
        (ClientFault::MissingToken.into(), 401, "missing_token"),
        (
            ClientFault::InvalidToken(Inactive::Expired).into(),
            401,
            "invalid_token",
        ),
        (
            ClientFault::InvalidProof(ProofFault::Url).into(),
            401,
            "invalid_dpop_proof",
        ),
        (
            ClientFault::NonceNeeded {
                nonce: String::new(),
            }
            .into(),
            401,
            "use_dpop_nonce",
        ),
        (insufficient.into(), 403, "insufficient_scope"),
        (ClientFault::NoPolicy.into(), 404, "not_found"),
        (
            CallerFault::UnauthenticatedProxy.into(),
            401,
            "invalid_client",
        ),
        (CallerFault::Unauthenticated.into(), 401, "invalid_client"),
        (CallerFault::AccessDenied.into(), 403, "access_denied"),
        (
            CallerFault::RateLimited { retry_after: 1 }.into(),
            429,
            "rate_limited",
        ),
        (RequestFault::NotFound.into(), 404, "not_found"),
        (
            RequestFault::MethodNotAllowed.into(),
            405,
            "method_not_allowed",
        ),
        (RequestFault::TooSlow.into(), 408, "request_timeout"),
        (RecordFault::NoSuchToken.into(), 404, "not_found"),
        (RecordFault::BoundToOtherId.into(), 409, "conflict"),
        (RecordFault::Revoked.into(), 409, "conflict"),
        (RequestFault::TooLarge.into(), 413, "payload_too_large"),
        (RequestFault::HeadTooLong.into(), 431, "head_too_long"),
        (RequestFault::NotForm.into(), 415, "unsupported_media_type"),
        (RequestFault::NotJson.into(), 415, "unsupported_media_type"),
        (
            RequestFault::NotSecurityEvent.into(),
            415,
            "unsupported_media_type",
        ),
        (InvalidRequest::NoLogoutToken.into(), 400, "invalid_request"),
        (RecordFault::NoSuchSubject.into(), 404, "not_found"),
        (Fault::Type.into(), 400, "invalid_request"),
        (unverified.into(), 400, "invalid_key"),
        (Fault::Issuer.into(), 400, "invalid_issuer"),
        (Fault::Audience.into(), 400, "invalid_audience"),
        (EventFault::NotPushed.into(), 400, "access_denied"),
        (
            EventFault::NotAuthenticated.into(),
            400,
            "authentication_failed",
        ),
        (
            ServiceFault::KeysMissing { retry_after: 7 }.into(),
            503,
            "temporarily_unavailable",
        ),
        (
            ServiceFault::NotShared.into(),
            503,
            "temporarily_unavailable",
        ),
        (
            Refusal::Service(ServiceFault::NotCounted),
            500,
            "server_error",
        ),
        (ServiceFault::Shed.into(), 503, "temporarily_unavailable"),
        (ServiceFault::NotSigned.into(), 500, "server_error"),
        (RequestFault::NotSignable.into(), 406, "not_acceptable"),
        (Failure::Unsupported.into(), 501, "unsupported"),
        (
            Failure::from(BadAnswer::NotAnObject).into(),
            502,
            "upstream_error",
        ),
        (
            outage(Outage::Unreachable(Unreachable::Refused), None),
            503,
            "temporarily_unavailable",
        ),
        (
            outage(Outage::Overloaded, None),
            503,
            "temporarily_unavailable",
        ),
        (outage(Outage::Purged, None), 503, "temporarily_unavailable"),
        (not_saved.into(), 503, "temporarily_unavailable"),
        (Failure::Timeout.into(), 504, "upstream_timeout"),
    ] {
        assert_eq!(
            (find(&refusal).status.as_u16(), refusal.code()),
            (status, code),
            "{refusal:?}"
        );
        answered.insert(code.to_owned());
        let (english, spanish) = (Language::English, Language::Spanish);
        assert_ne!(
            description(&refusal, english),
            description(&refusal, spanish)
        );
        let reply = reply(&refusal, spanish);
        assert_eq!(reply.headers()["cache-control"], "no-store");
        assert_eq!(reply.headers()["content-language"], "es");
    }
    assert_eq!(
        answered,
        crate::discovery::codes(),
        "openapi.json has others"
    );
}

#[test]
fn status_has_the_headers_that_it_needs() {
    let reply = |refusal: Refusal| reply(&refusal, Language::English);
    let challenges = reply(CallerFault::Unauthenticated.into());
    assert_eq!(
        challenges
            .headers()
            .get_all("www-authenticate")
            .iter()
            .count(),
        2
    );
    assert_eq!(
        reply(ClientFault::MissingToken.into()).headers()["www-authenticate"],
        "Bearer"
    );
    let invalid = reply(ClientFault::InvalidToken(Inactive::Malformed).into());
    assert_eq!(
        invalid.headers()["www-authenticate"],
        "Bearer error=\"invalid_token\""
    );
    let nonce = ClientFault::NonceNeeded {
        nonce: "n".to_owned(),
    };
    let reply_of_nonce = reply(nonce.into());
    assert_eq!(reply_of_nonce.headers()["dpop-nonce"], "n");
    let challenge = &reply_of_nonce.headers()["www-authenticate"];
    assert!(
        challenge
            .to_str()
            .unwrap()
            .starts_with("DPoP error=\"use_dpop_nonce\", algs=")
    );
    assert_eq!(
        reply(outage(Outage::Status(429), Some(17))).headers()["retry-after"],
        "17"
    );
    assert_eq!(
        reply(outage(Outage::Closed, Some(0))).headers()["retry-after"],
        "1"
    );
    assert_eq!(
        reply(outage(Outage::Closed, None)).headers()["retry-after"],
        "1"
    );
    assert_eq!(
        reply(CallerFault::RateLimited { retry_after: 60 }.into()).headers()["retry-after"],
        "60"
    );
    for fault in [ServiceFault::Shed, ServiceFault::NotShared] {
        assert_eq!(reply(fault.into()).headers()["retry-after"], "1");
    }
    let missing = ServiceFault::KeysMissing { retry_after: 7 };
    assert_eq!(reply(missing.into()).headers()["retry-after"], "7");
}

#[test]
fn challenge_names_the_scopes() {
    assert_eq!(
        insufficient_scope(Scheme::Bearer, "a b.c"),
        "Bearer error=\"insufficient_scope\", scope=\"a b.c\""
    );
    assert_eq!(
        insufficient_scope(Scheme::Bearer, ""),
        "Bearer error=\"insufficient_scope\""
    );
    assert_eq!(
        insufficient_scope(Scheme::Dpop, "a"),
        "DPoP error=\"insufficient_scope\", scope=\"a\""
    );
}

#[test]
fn invalid_query_is_described_in_two_languages() {
    use InvalidQuery::{Filter, NotEncoded, Order, OtherList, PageSize, PageToken, State, Unknown};
    for reason in [
        NotEncoded, Unknown, Filter, State, Order, PageSize, PageToken, OtherList,
    ] {
        let text = query::text_of(reason);
        assert_ne!(text.english, text.spanish);
    }
    let text = query::text_of(Unknown);
    for name in introspectd_service::LIST_PARAMETERS {
        assert!(
            text.english.contains(name) && text.spanish.contains(name),
            "{name}"
        );
    }
}
