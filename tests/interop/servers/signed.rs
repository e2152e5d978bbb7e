//! Signed answers (RFC 9701) of a server that others wrote.

use super::oidc_provider::OidcProvider;
use super::server::{CLIENT_ID, Harness, SECRET};

/// Introspectd as the page says, but as the client of this id, and with these keys. `BASE` in them
/// is the server's address.
async fn open(client: &str, keys: &str) -> Harness<OidcProvider> {
    let (client, keys) = (client.to_owned(), keys.to_owned());
    let change = move |toml: String| {
        let discovers = keys.contains("discover");
        let (_, from_base) = toml.split_once("introspection_endpoint = \"").unwrap();
        let (base, _) = from_base.split_once("/token").unwrap();
        let keys = keys.replace("BASE", base);
        let ours = toml.replace(&format!("\"{CLIENT_ID}\""), &format!("\"{client}\""));
        let ours = ours.replacen("kind ", &format!("{keys}\nkind "), 1);
        let is_kept = |line: &&str| !(discovers && line.contains("introspection_endpoint"));
        ours.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
    };
    Harness::open_with(change, SECRET).await
}

const JWKS: &str = "issuer = \"BASE\"\njwks = { url = \"BASE/jwks\" }\n";
const DISCOVERED: &str = "issuer = \"BASE\"\ndiscover = true\n";

#[tokio::test]
async fn signed_answer_is_verified_and_read() {
    // One signs as registered, the other by the server's default.
    for (client, keys) in [("signed", JWKS), (CLIENT_ID, DISCOVERED)] {
        for answer in ["jwt", "jwt_required"] {
            let harness = open(client, &format!("answer = {answer:?}\n{keys}")).await;
            let token = harness.mint().await;
            let reply = harness.introspect(&token).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            let (here, there) = (reply.json(), harness.introspect_there(&token).await);
            for member in ["active", "client_id", "scope", "exp", "aud", "iss"] {
                assert_eq!(here[member], there[member], "{member}");
            }
            let made_up: String = token.chars().rev().collect();
            harness.introspect(&made_up).await.assert_inactive();
        }
    }
}

#[tokio::test]
async fn answer_of_another_issuer_is_a_failure() {
    let keys = "answer = \"jwt\"\nissuer = \"https://other.example\"\n\
        jwks = { url = \"BASE/jwks\" }";
    let harness = open("signed", keys).await;
    let token = harness.mint().await;
    let refused = harness.introspect(&token).await;
    refused.assert_problem(502, "upstream_error", None);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_an_outage() {
    let keys = "answer = \"jwt\"\nissuer = \"BASE\"\njwks = { url = \"BASE/nowhere\" }";
    let harness = open("signed", keys).await;
    let token = harness.mint().await;
    let reply = harness.introspect(&token).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
}
