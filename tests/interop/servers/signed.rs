//! Signed answers (RFC 9701) of a server that others wrote.

use super::oidc_provider::OidcProvider;
use super::server::{CLIENT_ID, Harness, SECRET};

/// Introspectd as the page says, but as the client of this id, and with these keys. `BASE` in them
/// is the server's address.
async fn open(client: &str, keys: &str) -> Harness<OidcProvider> {
    let (client, keys) = (client.to_owned(), keys.to_owned());
    let change = move |toml: String| {
        let (_, from_base) = toml.split_once("introspection_endpoint = \"").unwrap();
        let (base, _) = from_base.split_once("/token").unwrap();
        let keys = keys.replace("BASE", base);
        let ours = toml.replace(&format!("\"{CLIENT_ID}\""), &format!("\"{client}\""));
        ours.replacen("kind ", &format!("{keys}\nkind "), 1)
    };
    Harness::open_with(change, SECRET).await
}

const JWKS: &str = "issuer = \"BASE\"\njwks = { url = \"BASE/jwks\" }\n";
const DISCOVERED: &str = "issuer = \"BASE\"\ndiscover = true\n";

#[tokio::test]
async fn signed_answer_is_verified_and_read() {
    for keys in [JWKS, DISCOVERED] {
        for answer in ["jwt", "jwt_required"] {
            let harness = open("signed", &format!("answer = {answer:?}\n{keys}")).await;
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

/// The server signs for no client that did not register for it.
#[tokio::test]
async fn json_where_a_signature_is_required_is_a_failure_and_no_inactive_token() {
    let harness = open(CLIENT_ID, &format!("answer = \"jwt_required\"\n{JWKS}")).await;
    let token = harness.mint().await;
    let refused = harness.introspect(&token).await;
    refused.assert_problem(502, "upstream_error", None);
    let explained = harness.explain(&token).await;
    let failure = explained["providers"][0]["upstream"]["failure"].to_string();
    assert!(failure.contains("it has no signature"), "{explained}");
    let harness = open(CLIENT_ID, &format!("answer = \"jwt\"\n{JWKS}")).await;
    assert_eq!(harness.introspect(&token).await.json()["active"], true);
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
