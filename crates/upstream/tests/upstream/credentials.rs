//! The bytes by which we authenticate.

use std::time::UNIX_EPOCH;

use introspectd_simulators::rfc7662::{self, Rfc7662};
use introspectd_simulators::{Recorded, Simulator};
use introspectd_upstream::{Dialect, Request};

use crate::provider::{silent, upstream, uri};

async fn sent(credentials: &str) -> Recorded {
    let server = silent().await;
    let more = format!("credentials = {credentials}");
    let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
    upstream
        .send(
            Request::post(uri(&server.base_url(), "/i"))
                .form(&[("token", "t")])
                .repeatable(),
        )
        .await
        .unwrap();
    let [request] = &server.requests()[..] else {
        panic!("one request")
    };
    request.clone()
}

async fn authorization(credentials: &str) -> String {
    let request = sent(credentials).await;
    assert_eq!(request.body, b"token=t");
    let values = request
        .headers
        .iter()
        .filter(|(name, _)| name == "authorization");
    let [(_, value)] = &values.collect::<Vec<_>>()[..] else {
        panic!("one header")
    };
    value.clone()
}

#[tokio::test]
async fn a_bearer_token_is_sent_as_it_is() {
    let sent = authorization(r#"{ type = "bearer", token = { literal = "s3cr3t+/=" } }"#).await;
    assert_eq!(sent, "Bearer s3cr3t+/=");
}

#[tokio::test]
async fn a_secret_in_a_file_is_sent_without_its_line_break() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\r\n").unwrap();
    let credentials = format!(
        "{{ type = \"bearer\", token = {{ file = {:?} }} }}",
        file.path()
    );
    assert_eq!(authorization(&credentials).await, "Bearer hunter2");
}

#[tokio::test]
async fn basic_is_utf_8_and_not_encoded_inside() {
    let credentials =
        r#"{ type = "basic", username = "ops@acme", password = { literal = "pä:ss" } }"#;
    assert_eq!(
        authorization(credentials).await,
        "Basic b3BzQGFjbWU6cMOkOnNz"
    );
}

const CLIENT: &str = r#"client_id = "my app", client_secret = { literal = "p+w:/é" }"#;

#[tokio::test]
async fn client_secret_basic_is_form_encoded_inside_with_a_space_as_percent_20() {
    // "my%20app:p%2Bw%3A%2F%C3%A9": servers on Authlib read a `+` as a plus, and a `%20` as
    // everybody.
    let expected = "Basic bXklMjBhcHA6cCUyQnclM0ElMkYlQzMlQTk=";
    let plain = format!("{{ type = \"client_secret_basic\", {CLIENT} }}");
    assert_eq!(authorization(&plain).await, expected);
    let said = format!("{{ type = \"client_secret_basic\", encoding = \"form\", {CLIENT} }}");
    assert_eq!(authorization(&said).await, expected);
}

#[tokio::test]
async fn client_secret_basic_is_plain_where_the_server_needs_it() {
    // "my app:p+w:/é"
    let credentials =
        format!("{{ type = \"client_secret_basic\", encoding = \"plain\", {CLIENT} }}");
    assert_eq!(
        authorization(&credentials).await,
        "Basic bXkgYXBwOnArdzovw6k="
    );
}

#[tokio::test]
async fn client_secret_post_stands_in_the_form_and_nowhere_else() {
    let request = sent(&format!("{{ type = \"client_secret_post\", {CLIENT} }}")).await;
    assert_eq!(
        request.body,
        b"token=t&client_id=my+app&client_secret=p%2Bw%3A%2F%C3%A9"
    );
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.target, "/i");
}

#[tokio::test]
async fn a_server_of_rfc_7662_takes_both_forms_of_a_client_secret() {
    let server = Simulator::start(Rfc7662::new(UNIX_EPOCH)).await.unwrap();
    for kind in ["client_secret_basic", "client_secret_post"] {
        let more = format!(
            "credentials = {{ type = {kind:?}, client_id = {:?}, client_secret = {{ literal = \
                {:?} }} }}",
            rfc7662::CLIENT_ID,
            rfc7662::CLIENT_SECRET
        );
        let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
        let form = [("token", rfc7662::ACTIVE)];
        let answer = upstream
            .send(
                Request::post(uri(&server.base_url(), "/introspect"))
                    .form(&form)
                    .repeatable(),
            )
            .await
            .unwrap();
        let body = answer.ok().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["active"], true, "{kind}");
    }
}
