//! Ids of tokens are shown in lists and audit logs, so they are no credentials over gRPC either.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::Simulator;
use introspectd_simulators::passport::{ACTIVE, ACTIVE_ACCESS_TOKEN};
use introspectd_tests::{EDGE_SECRET, Fixture, Passport, basic, now};
use serde_json::json;

use crate::envoy::{Client, Form, Harness, denied, ok};

#[tokio::test]
async fn every_spelling_of_a_vendor_id_is_denied() {
    let server = Simulator::start(Passport::server(now())).await.unwrap();
    let provider = Passport::section(&server.base_url());
    let sections = format!(
        r#"
        [callers.trusted]
        secret = {{ literal = "trusted-secret-7a30c1" }}
        permissions = ["bind"]
        [policies.bank]
        provider = ["bank"]
        [providers.bank]
        {provider}
        timeout = "60s"
        match = {{ regex = ".+" }}
        "#
    );
    let harness = Harness::open_at(r#"["127.0.0.1:0"]"#, &sections).await;
    let envoy = harness.envoy().await;
    let body = json!({"token": ACTIVE_ACCESS_TOKEN, "token_id": ACTIVE}).to_string();
    let request = Request::put(format!(
        "http://{}/v1/providers/bank/bindings",
        harness.gateway.api()
    ))
    .header(AUTHORIZATION, basic("trusted", "trusted-secret-7a30c1"))
    .header(CONTENT_TYPE, "application/json");
    assert_eq!(
        harness
            .gateway
            .send(request.body(Full::from(body)).unwrap())
            .await
            .status,
        204
    );
    // The record is active, and its token passes.
    ok(envoy
        .check("bank", &Client::showing(ACTIVE_ACCESS_TOKEN))
        .await);
    server.forget();

    let bare = ACTIVE.replace('-', "");
    for id in [
        ACTIVE,
        &ACTIVE.to_uppercase(),
        &bare,
        &bare.to_uppercase(),
        &format!("{{{ACTIVE}}}"),
        &format!("urn:uuid:{ACTIVE}"),
        &format!("URN:UUID:{}", ACTIVE.to_uppercase()),
        &ACTIVE.replace('-', "_"),
        &ACTIVE.replace('-', "%2D"),
        &format!("%7B{ACTIVE}%7D"),
    ] {
        let client = Client::showing(id);
        for form in [Form::Plain, Form::Raw] {
            let callers = [format!("Bearer {EDGE_SECRET}")];
            let denied = denied(envoy.check_as(&callers, Some("bank"), &client, form).await);
            assert_eq!(denied.status.unwrap().code, 401, "{id} {form:?}");
            assert!(
                denied.body.contains("\"invalid_token\""),
                "{id} {form:?}: {}",
                denied.body
            );
        }
    }
    assert_eq!(server.requests().len(), 0, "no id was sent as a token");
}
