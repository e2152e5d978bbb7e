//! A client that was written for RFC 7662 and RFC 8414 and not for us, npm's `oauth4webapi`, finds
//! introspectd by its issuer and introspects through it unchanged.

use std::process::Stdio;

use introspectd_simulators::Simulator;
use introspectd_tests::{Fixture, Gateway, Rfc7662, now};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::peer::node;

/// Each of its characters means something else where RFC 6749 section 2.3.1's encoding is left out.
const SECRET: &str = "s3cr:t/+ %&ñ";

struct Harness {
    provider: Simulator<<Rfc7662 as Fixture>::Server>,
    gateway: Gateway,
}

impl Harness {
    async fn open() -> Self {
        let provider = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let section = Rfc7662::section(&provider.base_url());
        let configuration = format!(
            "[routing]\nunmatched = \"sso\"\n\
             [callers.app]\nsecret = {{ literal = \"{SECRET}\" }}\n\
             [providers.sso]\n{section}\ntimeout = \"60s\"\n"
        );
        Self {
            provider,
            gateway: Gateway::start(&configuration).await,
        }
    }

    /// The library's results for these tokens.
    async fn introspect(&self, secret: &str, tokens: &[&str]) -> Vec<Value> {
        let issuer = format!("http://{}", self.gateway.api());
        let question = json!({
            "issuer": issuer, "client_id": "app", "client_secret": secret, "tokens": tokens,
        });
        run(&question.to_string()).await
    }
}

async fn run(question: &str) -> Vec<Value> {
    let mut client = Command::from(node("oauth4webapi", "client.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let mut pipe = client.stdin.take().unwrap();
    pipe.write_all(question.as_bytes()).await.unwrap();
    drop(pipe);
    let output = client.wait_with_output().await.unwrap();
    assert!(output.status.success(), "node's own words stand above");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn active_token_has_claims_and_inactive_one_has_none() {
    let harness = Harness::open().await;
    let results = harness
        .introspect(
            SECRET,
            &[Rfc7662::ACTIVE, Rfc7662::REVOKED, Rfc7662::UNKNOWN],
        )
        .await;
    let inactive = json!({ "claims": { "active": false } });
    assert_eq!(
        results,
        [
            json!({ "claims": Rfc7662::active() }),
            inactive.clone(),
            inactive
        ]
    );
}

#[tokio::test]
async fn wrong_secret_is_an_error_of_the_client() {
    let harness = Harness::open().await;
    let results = harness.introspect("other", &[Rfc7662::ACTIVE]).await;
    assert_eq!(
        results[0]["thrown"], "WWWAuthenticateChallengeError",
        "{results:?}"
    );
    assert_eq!(results[0]["schemes"][0], "basic", "{results:?}");
}

#[tokio::test]
async fn unreachable_provider_is_an_error_not_an_inactive_token() {
    let harness = Harness::open().await;
    harness.provider.stop();
    let results = harness.introspect(SECRET, &[Rfc7662::ACTIVE]).await;
    let expected = json!({ "thrown": "OperationProcessingError", "status": 503 });
    assert_eq!(results, [expected]);
}
