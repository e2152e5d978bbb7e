//! Client without a secret at a server whose endpoints are discovered.

use rcgen::KeyPair;
use serde_json::json;

use super::oidc_provider::OidcProvider;
use super::server::{Harness, SECRET, Server as _, configuration};
use crate::peer::Peer;

/// Section of a provider at this address, which is its issuer.
fn section(base: &str, pem: &str, audience: &str) -> String {
    format!(
        r#"
        [providers.op]
        kind        = "rfc7662"
        issuer      = "{base}"
        discover    = true
        timeout     = "60s"
        match       = {{ regex = "^[A-Za-z0-9_-]{{43}}$" }}

        [providers.op.credentials]
        type        = "private_key_jwt"
        client_id   = "signs"
        algorithm   = "ES256"
        kid         = "signs-1"
        key         = {{ literal = """{pem}""" }}
        audience    = "{audience}"
        "#
    )
}

#[tokio::test]
async fn discovered_server_takes_assertions_for_issuer_endpoint_and_token_endpoint() {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    let peer = OidcProvider::start(json!({ "key": pem })).await;
    let base = format!("http://127.0.0.1:{}", peer.port);
    for audience in ["issuer", "endpoint", &format!("{base}/token")] {
        let harness = before(&peer, &section(&base, &pem, audience)).await;
        let token = harness.mint().await;
        for _ in 0..2 {
            // Not cached as yet, so that each has an assertion of its own.
            harness.gateway.clock().advance(60);
            let answer = harness.introspect(&token).await.json();
            assert_eq!(answer["active"], true, "{audience}: {answer}");
        }
    }
}

#[tokio::test]
async fn assertion_by_another_key_is_refused_and_named() {
    let pem = || KeyPair::generate().unwrap().serialize_pem();
    let peer = OidcProvider::start(json!({ "key": pem() })).await;
    let base = format!("http://127.0.0.1:{}", peer.port);
    let harness = before(&peer, &section(&base, &pem(), "issuer")).await;
    let token = harness.mint().await;
    let reply = harness.introspect(&token).await;
    reply.assert_problem(502, "upstream_error", None);
    let explained = harness.explain(&token).await.to_string();
    assert!(explained.contains("our credentials"), "{explained}");
}

async fn before(peer: &Peer, section: &str) -> Harness<OidcProvider> {
    Harness::before(peer, |_| configuration(section), SECRET).await
}
