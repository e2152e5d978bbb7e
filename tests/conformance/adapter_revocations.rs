//! Taking tokens back. An adapter is called directly, since what the gateway makes of it is the
//! same for all.

use introspectd_core::{
    BadAnswer, Failure, Introspection, Outage, State, Timestamp, TokenId, TokenValue, Unreachable,
};
use introspectd_simulators::rfc7662::{CLIENT_ID, CLIENT_SECRET};
use introspectd_simulators::{Answer, Fault, Simulator, apigee, passport, rfc7662};
use introspectd_tests::{
    Adapter, Apigee, Fixture, NOW, Passport, Rfc7662, Sent, form_body, now, provider,
};
use serde_json::json;

use crate::paths::NEVER_SENT;

pub(crate) async fn revoked_token_is_inactive_at_the_vendor<V: Fixture>() {
    let adapter = Adapter::<V>::open().await;
    assert!(is_active(&adapter).await);
    adapter.sent();
    assert_eq!(adapter.revoke(V::ACTIVE).await, Ok(()));
    assert_eq!(adapter.sent(), [V::revocation(V::ACTIVE)]);
    assert!(!is_active(&adapter).await);
}

pub(crate) async fn second_revocation_succeeds<V: Fixture>() {
    let adapter = Adapter::<V>::open().await;
    for identifier in [V::ACTIVE, V::ACTIVE, V::REVOKED] {
        assert_eq!(adapter.revoke(identifier).await, Ok(()), "{identifier}");
        assert_eq!(adapter.sent()[0], V::revocation(identifier));
    }
}

pub(crate) async fn revocation_of_an_unknown_token_succeeds<V: Fixture>() {
    let adapter = Adapter::<V>::open().await;
    assert_eq!(adapter.revoke(V::UNKNOWN).await, Ok(()));
    assert_eq!(adapter.sent(), [V::revocation(V::UNKNOWN)]);
}

pub(crate) async fn documented_revocation_responses_succeed<V: Fixture>() {
    for answer in V::revoked() {
        assert_eq!(
            after::<V>(Fault::Answer(answer.clone())).await,
            Ok(()),
            "{answer:?}"
        );
    }
}

pub(crate) async fn undocumented_revocation_responses_fail<V: Fixture>() {
    let usual = [201, 202, 206, 405, 410, 418].map(Answer::empty);
    for answer in V::not_revoked().into_iter().chain(usual) {
        let revoked = after::<V>(Fault::Answer(answer.clone())).await;
        assert!(
            matches!(revoked, Err(Failure::BadAnswer(_))),
            "{revoked:?} to {answer:?}"
        );
    }
}

pub(crate) async fn refused_revocation_is_an_error<V: Fixture>() {
    let refused = |status| BadAnswer::Credentials(status).into();
    for (status, failure) in [
        (401, refused(401)),
        (403, refused(403)),
        (429, Failure::outage(Outage::Status(429))),
        (500, BadAnswer::Status(500).into()),
        (502, Failure::outage(Outage::Status(502))),
        (503, Failure::outage(Outage::Status(503))),
        (504, Failure::outage(Outage::Status(504))),
    ] {
        for answer in [Answer::html(status), Answer::json(status, V::record())] {
            assert_eq!(
                after::<V>(Fault::Answer(answer)).await,
                Err(failure.clone()),
                "{status}"
            );
        }
    }
}

/// A 200 is enough for RFC 7009, whatever the page says.
pub(crate) async fn html_response_is_not_a_revocation<V: Fixture>() {
    for status in [200, 400, 404, 409]
        .into_iter()
        .filter(|status| (V::PROVIDER != "sso" && !V::JUDGES) || *status != 200)
    {
        let revoked = after::<V>(Fault::Answer(Answer::html(status))).await;
        assert!(
            matches!(revoked, Err(Failure::BadAnswer(_))),
            "{revoked:?} to {status}"
        );
    }
}

pub(crate) async fn redirect_of_a_revocation_is_not_followed<V: Fixture>() {
    let target = Adapter::<V>::open().await;
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::empty(status).with_header("location", &target.server.base_url());
        let failure = Err(BadAnswer::Redirect(status).into());
        assert_eq!(after::<V>(Fault::Answer(redirect)).await, failure);
    }
    assert_eq!(target.sent(), []);
}

pub(crate) async fn failed_revocation_requests_are_not_retried<V: Fixture>() {
    assert_eq!(
        after::<V>(Fault::HangUp).await,
        Err(Failure::outage(Outage::Closed))
    );
    assert_eq!(
        after::<V>(Fault::Reset).await,
        Err(Failure::outage(Outage::Unreachable(Unreachable::Reset)))
    );
    assert_eq!(
        after::<V>(Fault::Oversize(1024 * 1024 + 1)).await,
        Err(BadAnswer::TooLarge.into())
    );

    let adapter = Adapter::<V>::open_with("timeout = \"2s\"").await;
    adapter.server.next(Fault::Hang);
    assert_eq!(adapter.revoke(V::ACTIVE).await, Err(Failure::Timeout));
    assert_eq!(adapter.sent(), [V::revocation(V::ACTIVE)]);

    adapter.server.stop();
    let refused = Failure::outage(Outage::Unreachable(Unreachable::Refused));
    assert_eq!(adapter.revoke(V::ACTIVE).await, Err(refused));
}

pub(crate) async fn hostile_identifiers_are_revoked_without_a_request<V: Fixture>() {
    let adapter = Adapter::<V>::open().await;
    let reserved = if V::PROVIDER == "legacy" {
        &["owners", "OWNERS", "Owners.", "owners "][..]
    } else {
        &[]
    };
    for identifier in NEVER_SENT.iter().chain(reserved) {
        assert_eq!(adapter.revoke(identifier).await, Ok(()), "{identifier:?}");
        let sent = adapter.sent();
        if V::PROVIDER == "sso" {
            assert_eq!(sent, [V::revocation(identifier)], "{identifier:?}");
        } else {
            assert_eq!(sent, [], "{identifier:?}");
        }
    }
    for (identifier, encoded) in [
        ("a+b", "a%2Bb"),
        ("a&action=approve", "a%26action%3Dapprove"),
        ("\"}", "%22%7D"),
    ] {
        let _ = adapter.revoke(identifier).await;
        if V::JUDGES {
            assert_eq!(adapter.sent(), [], "{identifier}");
            continue;
        }
        let written = if V::PROVIDER == "sso" {
            identifier
        } else {
            encoded
        };
        assert_eq!(adapter.sent(), [V::revocation(written)], "{identifier}");
    }
}

/// A vendor that revokes by id finds a token only by its binding, and any other has no such call.
pub(crate) async fn unsupported_revocations_are_refused<V: Fixture>() {
    let adapter = Adapter::<V>::open().await;
    assert!(adapter.provider.revocation().is_some());
    let revokes_by_id = adapter.provider.revocation_by_id().is_some();
    assert_eq!(revokes_by_id, adapter.provider.issuance().is_some());
    if revokes_by_id {
        assert_eq!(
            adapter.revoke_by_value(V::ACTIVE).await,
            Err(Failure::Unsupported)
        );
    }
    assert_eq!(adapter.sent(), []);
}

/// Outcome of a revocation that meets this fault. It must be sent exactly once.
async fn after<V: Fixture>(fault: Fault) -> Result<(), Failure> {
    let adapter = Adapter::<V>::open().await;
    // On a connection that was used before, where repeating is a temptation.
    assert!(is_active(&adapter).await);
    adapter.sent();
    adapter.server.next(fault);
    let revoked = adapter.revoke(V::ACTIVE).await;
    assert_eq!(adapter.sent(), [V::revocation(V::ACTIVE)]);
    revoked
}

async fn is_active<V: Fixture>(adapter: &Adapter<V>) -> bool {
    let answer = match adapter.provider.records() {
        Some(records) => records.lookup(&id(V::ACTIVE)).await,
        None => adapter.provider.introspect(&token(V::ACTIVE)).await,
    };
    match answer.unwrap() {
        Introspection::Token(token) => {
            token.state(Timestamp::from_seconds(NOW).unwrap()) == State::Active
        }
        Introspection::Inactive => false,
    }
}

fn token(text: &str) -> TokenValue {
    TokenValue::parse(text.to_owned()).unwrap()
}

fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).unwrap()
}

/// "Already revoked or in a non-revocable state", says Passport's 409, and the record tells which.
#[tokio::test]
async fn passport_conflict_counts_as_revoked_only_if_inactive() {
    let conflict = || {
        Fault::Answer(Answer::json(
            409,
            json!({"code": "CONFLICT", "http_code": 409}),
        ))
    };
    for (identifier, revoked) in [
        (passport::REVOKED, Ok(())),
        (passport::UNKNOWN, Ok(())),
        (passport::EXPIRED, Ok(())),
        (passport::ACTIVE, Err(BadAnswer::Status(409).into())),
    ] {
        let adapter = Adapter::<Passport>::open().await;
        adapter.server.next(conflict());
        assert_eq!(adapter.revoke(identifier).await, revoked, "{identifier}");
        assert_eq!(
            adapter.sent(),
            [
                Passport::revocation(identifier),
                Passport::question(identifier)
            ]
        );
    }
    let adapter = Adapter::<Passport>::open().await;
    adapter.server.next(conflict());
    adapter.server.next(Fault::HangUp);
    assert_eq!(
        adapter.revoke(passport::REVOKED).await,
        Err(Failure::outage(Outage::Closed))
    );
}

#[tokio::test]
async fn passport_204_is_a_revocation() {
    let adapter = Adapter::<Passport>::open().await;
    adapter.server.vendor().revocation_status(204);
    assert_eq!(adapter.revoke(passport::ACTIVE).await, Ok(()));
    assert!(!is_active(&adapter).await);
}

#[tokio::test]
async fn apigee_cascades_to_the_refresh_token_if_configured() {
    let adapter = Adapter::<Apigee>::open_with("cascade = true").await;
    assert_eq!(adapter.revoke(apigee::ACTIVE).await, Ok(()));
    let plain = Apigee::revocation(apigee::ACTIVE);
    let target = format!("{}&cascade=true", plain.target);
    assert_eq!(adapter.sent(), [Sent { target, ..plain }]);
}

#[tokio::test]
async fn unsupported_token_type_is_an_unsupported_call() {
    let answer = Answer::json(400, json!({"error": "unsupported_token_type"}));
    assert_eq!(
        after::<Rfc7662>(Fault::Answer(answer)).await,
        Err(Failure::Unsupported)
    );
}

/// The endpoints are addresses of their own, and so may be on different servers.
#[tokio::test]
async fn revocation_form_contains_form_credentials() {
    let [introspecting, revoking] = [sso().await, sso().await];
    let endpoint = format!(
        "revocation_endpoint = \"{}/revoke?realm=a\"",
        revoking.base_url()
    );
    let sso = provider(&post_section(&introspecting, &endpoint));
    let revocation = sso.revocation().unwrap();
    assert_eq!(revocation.revoke(&token(rfc7662::ACTIVE)).await, Ok(()));
    assert_eq!(introspecting.count(), 0);
    let form = [
        ("token", rfc7662::ACTIVE),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ];
    let [sent] = &revoking.requests()[..] else {
        panic!("one request")
    };
    assert_eq!(sent.target, "/revoke?realm=a");
    assert_eq!(String::from_utf8_lossy(&sent.body), form_body(&form));
    assert_eq!(sent.header("authorization"), None);
}

#[tokio::test]
async fn revocation_without_an_endpoint_is_unsupported() {
    let server = sso().await;
    let sso = provider(&post_section(&server, ""));
    assert!(sso.revocation().is_none() && sso.revocation_by_id().is_none());
    assert_eq!(server.count(), 0);
}

/// A credential that was taken back before its end is renewed: the 401 says that nothing was done.
#[tokio::test]
async fn refused_provider_credential_is_renewed_once() {
    let server = Simulator::start(passport::Passport::new(now()))
        .await
        .unwrap();
    let section = Passport::section_with_grant(&server.base_url());
    let bank = provider(&format!("{section}timeout = \"60s\"\n"));
    bank.records()
        .unwrap()
        .lookup(&id(passport::ACTIVE))
        .await
        .unwrap();
    server.vendor().expire_credentials();
    server.forget();
    assert_eq!(
        bank.revocation_by_id()
            .unwrap()
            .revoke_by_id(&id(passport::ACTIVE))
            .await,
        Ok(())
    );
    let methods: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.method)
        .collect();
    assert_eq!(methods, ["DELETE", "POST", "DELETE"]);
}

async fn sso() -> Simulator<rfc7662::Rfc7662> {
    Simulator::start(rfc7662::Rfc7662::new(now()))
        .await
        .unwrap()
}

fn post_section(introspecting: &Simulator<rfc7662::Rfc7662>, more: &str) -> String {
    format!(
        r#"
        kind = "rfc7662"
        introspection_endpoint = "{}/introspect"
        timeout = "60s"
        credentials = {{ type = "client_secret_post", client_id = "{CLIENT_ID}", client_secret = {{ literal = "{CLIENT_SECRET}" }} }}
        {more}
        "#,
        introspecting.base_url()
    )
}
