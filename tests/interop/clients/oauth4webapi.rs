//! A client that was written for RFC 7662 and RFC 8414 and not for us, npm's `oauth4webapi`, finds
//! introspectd by its issuer and introspects through it unchanged. It verifies signed answers (RFC
//! 9701), and finds the metadata of a resource (RFC 9728).

use introspectd_core::{Clock, SystemClock};
use introspectd_simulators::Simulator;
use introspectd_tests::{Fixture, Gateway, Rfc7662, free_address, now};
use serde_json::{Value, json};

use crate::peer::ask_node;

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
        let results = ask_node("oauth4webapi", "client.mjs", &question).await;
        serde_json::from_value(results).unwrap()
    }
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

/// Signs by each of these, as a client may have registered for.
const ALGORITHMS: [(&str, &str); 4] = [
    ("EdDSA", "ed25519"),
    ("ES256", "p256"),
    ("RS256", "rsa"),
    ("PS256", "rsa"),
];

fn signing_sections() -> String {
    let keys = include_str!("../../../crates/jose/testdata/keys.json");
    let keys: Value = serde_json::from_str(keys).unwrap();
    let section = |(algorithm, key): (&str, &str)| {
        let pem = keys[key]["pkcs8"].as_str().unwrap();
        let kid = format!("{key}-{algorithm}");
        format!(
            "[[signing]]\nkey = {{ literal = \"\"\"{pem}\"\"\" }}\nalgorithm = {algorithm:?}\n\
             kid = {kid:?}\n\
             [callers.{algorithm}]\nsecret = {{ literal = \"{algorithm}-secret\" }}\n\
             signed_alg = {algorithm:?}\n"
        )
    };
    ALGORITHMS.map(section).concat()
}

#[tokio::test]
async fn signed_answers_resources_and_challenges_are_understood() {
    let now = SystemClock::default().now().seconds();
    let provider = Rfc7662::server(now_in(now));
    let provider = Simulator::start(provider).await.unwrap();
    let section = Rfc7662::section(&provider.base_url());
    let address = free_address();
    let gateway = Gateway::start_bare(&format!(
        "[listen]\napi = [\"{address}\"]\nadmin = [\"127.0.0.1:0\"]\n\
         public_url = \"http://{address}\"\n[routing]\nunmatched = \"sso\"\n{}\
         [policies.orders]\nresource = \"http://{address}/orders\"\nscope = [\"orders.read\"]\n\
         [providers.sso]\n{section}\ntimeout = \"60s\"\nissuer = \"https://sso.example\"\n",
        signing_sections()
    ))
    .await;
    gateway.clock().set(now);
    for (algorithm, _) in ALGORITHMS {
        let question = json!({
            "issuer": format!("http://{address}"),
            "client_id": algorithm,
            "client_secret": format!("{algorithm}-secret"),
            "algorithm": algorithm,
            "tokens": [Rfc7662::ACTIVE, Rfc7662::UNKNOWN],
            "resource": format!("http://{address}/orders"),
            "decide": format!("http://{address}/forward-auth/orders"),
        });
        let told = ask_node("oauth4webapi", "signed.mjs", &question).await;
        assert_eq!(told["claims"][0]["active"], true, "{algorithm}: {told}");
        assert_eq!(told["claims"][1], json!({ "active": false }));
        let servers = &told["resource"]["authorization_servers"];
        assert_eq!(*servers, json!(["https://sso.example"]));
        let url = format!("http://{address}/.well-known/oauth-protected-resource/orders");
        let parameters = json!({ "error": "invalid_token", "resource_metadata": url });
        let challenge = json!({ "scheme": "bearer", "parameters": parameters });
        assert_eq!(told["challenges"], json!([challenge]));
    }
}

fn now_in(seconds: i64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.unsigned_abs())
}
