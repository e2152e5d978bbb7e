//! A real authorization server, npm's `oidc-provider`, behind introspectd: a token minted for real is active
//! with the claims that the server itself tells, and inactive once it is revoked there and `ttl` is over.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test, to panic is to fail"
)]

use std::path::Path;
use std::process::Stdio;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_core::{Clock, SystemClock};
use introspectd_tests::{Gateway, Reply, basic, form_body};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const TTL_SECONDS: u32 = 30;

/// The server's process. It ends with its standard input, and so with this.
struct Server {
    issuer: String,
    _process: Child,
}

impl Server {
    async fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oidc-provider");
        assert!(
            folder.join("node_modules").exists(),
            "oidc-provider is not installed: run `cargo xtask test`, which installs it"
        );
        let mut process = Command::new("node")
            .arg("server.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let started: Value = serde_json::from_str(&line).expect("the server's one line");
        Self { issuer: started["issuer"].as_str().unwrap().to_owned(), _process: process }
    }

    async fn post(&self, gateway: &Gateway, path: &str, authorization: &str, form: &[(&str, &str)]) -> Reply {
        let request = Request::post(format!("{}{path}", self.issuer))
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form_body(form)))
            .unwrap();
        gateway.send(request).await
    }
}

fn configuration(issuer: &str) -> String {
    format!(
        r#"
        [cache]
        ttl = "{TTL_SECONDS}s"

        [providers.sso]
        kind                   = "rfc7662"
        introspection_endpoint = "{issuer}/token/introspection"
        credentials            = {{ type = "client_secret_basic", client_id = "introspectd", client_secret = {{ literal = "s3cr:t/+ %" }} }}
        match                  = {{ regex = "." }}
        "#
    )
}

#[tokio::test]
async fn a_token_minted_for_real_is_active_until_it_is_revoked_there_and_ttl_is_over() {
    let server = Server::start().await;
    let gateway = Gateway::start(&configuration(&server.issuer)).await;
    gateway.clock().set(SystemClock::default().now().seconds());
    let app = basic("app", "app-secret");

    let grant = [("grant_type", "client_credentials"), ("scope", "orders.read orders.write")];
    let minted = server.post(&gateway, "/token", &app, &grant).await.json();
    let token = minted["access_token"].as_str().unwrap();

    // The same claims as the server's own answer.
    let itself = basic("introspectd", "s3cr%3At%2F%2B+%25");
    let told = server.post(&gateway, "/token/introspection", &itself, &[("token", token)]).await.json();
    assert_eq!(told["aud"], "https://orders.example", "{told}");
    let mut expected = told.clone();
    expected["provider"] = json!("sso");
    gateway.post_introspect(&[("token", token)]).await.assert_active(&expected, "miss");
    gateway.post_introspect(&[("token", token)]).await.assert_active(&expected, "hit");

    let revoked = server.post(&gateway, "/token/revocation", &app, &[("token", token)]).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    gateway.clock().advance(TTL_SECONDS);
    gateway.post_introspect(&[("token", token)]).await.assert_inactive();
}

#[tokio::test]
async fn a_token_that_it_never_minted_is_inactive_and_wrong_credentials_of_ours_are_an_error() {
    let server = Server::start().await;
    let gateway = Gateway::start(&configuration(&server.issuer)).await;
    gateway.post_introspect(&[("token", "made-up")]).await.assert_inactive();

    let wrong = configuration(&server.issuer).replace("s3cr:t", "other");
    let gateway = Gateway::start(&wrong).await;
    gateway.post_introspect(&[("token", "made-up")]).await.assert_problem(502, "upstream_error", None);
}

#[tokio::test]
async fn a_token_is_inactive_at_the_end_that_the_server_gave_it() {
    let server = Server::start().await;
    let gateway = Gateway::start(&configuration(&server.issuer)).await;
    let now = SystemClock::default().now().seconds();
    gateway.clock().set(now);
    let app = basic("app", "app-secret");
    let grant = [("grant_type", "client_credentials"), ("scope", "orders.read")];
    let minted = server.post(&gateway, "/token", &app, &grant).await.json();
    let token = minted["access_token"].as_str().unwrap();
    let answer = gateway.post_introspect(&[("token", token)]).await.json();
    let end = answer["exp"].as_i64().unwrap();

    gateway.clock().set(end - 1);
    assert_eq!(gateway.post_introspect(&[("token", token)]).await.json()["active"], true);
    gateway.clock().set(end);
    gateway.post_introspect(&[("token", token)]).await.assert_inactive();
}
