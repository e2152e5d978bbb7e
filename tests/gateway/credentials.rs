//! Our own credentials with a vendor: fetched once, renewed, never the token's fault.

use std::sync::Arc;

use futures_util::future::join_all;
use introspectd_simulators::{Answer, Fault, Simulator, passport, rfc7662};
use introspectd_tests::{Fixture, Gateway, Passport, Rfc7662, now};

fn paths<V: introspectd_simulators::Vendor>(server: &Simulator<V>) -> Vec<String> {
    let asked = server
        .requests()
        .iter()
        .map(|it| format!("{} {}", it.method, it.target))
        .collect();
    server.forget();
    asked
}

async fn bank() -> (Arc<Simulator<passport::Passport>>, Gateway) {
    let server = Simulator::start(Passport::server(now())).await.unwrap();
    let section = Passport::section_with_grant(&server.base_url());
    let provider = format!("[providers.bank]\n{section}timeout = \"60s\"\n");
    let gateway = Gateway::start(&provider).await;
    (Arc::new(server), gateway)
}

const CREATE: &str = "POST /v1/iam/oauth/tokens";

fn retrieve(id: &str) -> String {
    format!("GET /v1/iam/oauth/tokens/{id}")
}

#[tokio::test]
async fn provider_credential_is_reused() {
    let (server, gateway) = bank().await;
    let ids = [
        passport::ACTIVE,
        passport::READER,
        passport::UNKNOWN,
        passport::REVOKED,
    ];
    let forms = ids.map(Passport::form);
    let replies = join_all(forms.iter().map(|form| gateway.post_introspect(form))).await;
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    assert_eq!(server.vendor().issued(), 1);
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn revoked_provider_credential_is_renewed_at_once() {
    let (server, gateway) = bank().await;
    gateway
        .post_introspect(&Passport::form(passport::UNKNOWN))
        .await
        .assert_inactive();
    assert_eq!(paths(&server), [CREATE, &retrieve(passport::UNKNOWN)]);
    server.vendor().expire_credentials();
    let reply = gateway
        .post_introspect(&Passport::form(passport::ACTIVE))
        .await;
    reply.assert_active(&Passport::active(), "miss");
    assert_eq!(
        paths(&server),
        [
            &retrieve(passport::ACTIVE),
            CREATE,
            &retrieve(passport::ACTIVE)
        ]
    );
}

#[tokio::test]
async fn repeated_refusal_of_our_credential_is_not_retried_again() {
    let (server, gateway) = bank().await;
    gateway
        .post_introspect(&Passport::form(passport::UNKNOWN))
        .await
        .assert_inactive();
    paths(&server);
    for _ in 0..2 {
        server.next(Fault::Answer(Answer::empty(401)));
        server.next(Fault::Answer(Answer::empty(401)));
    }
    let reply = gateway
        .post_introspect(&Passport::form(passport::ACTIVE))
        .await;
    reply.assert_problem(502, "upstream_error", None);
    assert_eq!(paths(&server), [&retrieve(passport::ACTIVE), CREATE]);
}

#[tokio::test]
async fn provider_credential_is_renewed_before_its_end() {
    let (server, gateway) = bank().await;
    gateway
        .post_introspect(&Passport::form(passport::UNKNOWN))
        .await
        .assert_inactive();
    gateway.clock().advance(86_400);
    gateway
        .post_introspect(&Passport::form(passport::READER))
        .await
        .assert_inactive();
    assert_eq!(server.vendor().issued(), 2);
}

#[tokio::test]
async fn failing_token_endpoint_is_not_an_answer_about_a_token() {
    let (server, gateway) = bank().await;
    for (fault, status) in [
        (Fault::Answer(Answer::empty(400)), 502),
        (
            Fault::Answer(Answer::json(200, serde_json::json!({"access_token": ""}))),
            502,
        ),
        (Fault::Answer(Answer::retry_after(503, 3)), 503),
        (Fault::HangUp, 503),
    ] {
        server.next(fault);
        let reply = gateway
            .post_introspect(&Passport::form(passport::ACTIVE))
            .await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(paths(&server), [CREATE]);
    }
    let reply = gateway
        .post_introspect(&Passport::form(passport::ACTIVE))
        .await;
    reply.assert_active(&Passport::active(), "miss");
}

#[tokio::test]
async fn rfc7662_credentials_go_in_the_form_or_as_a_bearer() {
    let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
    let client = format!(
        "client_id = \"{}\", client_secret = {{ literal = \"{}\" }}",
        rfc7662::CLIENT_ID,
        rfc7662::CLIENT_SECRET
    );
    let base = server.base_url();
    for (credentials, expected) in [
        (
            format!("type = \"client_secret_post\", {client}"),
            vec!["POST /introspect"],
        ),
        (
            format!("type = \"client_credentials\", {client}, token_endpoint = \"{base}/token\""),
            vec!["POST /token", "POST /introspect"],
        ),
    ] {
        let gateway = Gateway::start(&format!(
            "[routing]\nunmatched = \"sso\"\n[providers.sso]\nkind = \"rfc7662\"\n\
             introspection_endpoint = \"{base}/introspect\"\ncredentials = {{ {credentials} }}"
        ))
        .await;
        let reply = gateway.post_introspect(&[("token", rfc7662::ACTIVE)]).await;
        reply.assert_active(&Rfc7662::active(), "miss");
        assert_eq!(paths(&server), expected);
    }
}
