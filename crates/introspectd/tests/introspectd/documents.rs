//! Published documents that change with the configuration.

use crate::client::get;
use crate::server::{BASE, Server};
use crate::vendors::{sso, sso_config};

const KEYS: &str = "/jwks";
const RESOURCE: &str = "/.well-known/oauth-protected-resource/orders";

/// Ed25519, as `openssl genpkey` writes it.
const SIGNING: &str = r#"
[[signing]]
algorithm = "EdDSA"
kid = "next"
key = { literal = """
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIE9+Ze5pz2Lu0LEjnSDfWG3ALIdyTNKE8YIEVGBcDbS9
-----END PRIVATE KEY-----
""" }
[policies.orders]
resource = "https://api.example/orders"
"#;

#[tokio::test]
async fn keys_and_resources_come_and_go_with_a_reload() {
    let sso = sso().await;
    let base = BASE.replace(
        "[listen]",
        "[listen]\npublic_url = \"https://introspect.example\"",
    );
    let provider = sso_config(&sso).replace(
        "[providers.sso]",
        "[providers.sso]\nissuer = \"https://sso.example\"",
    );
    let without = format!("{base}{provider}");
    let server = Server::start(&without).await;
    let statuses = async || {
        let keys = get(&server.api(), KEYS).await;
        let resource = get(&server.api(), RESOURCE).await;
        (keys.status, resource.status)
    };
    assert_eq!(statuses().await, (404, 404));
    server.reload(&format!("{without}{SIGNING}")).await;
    assert_eq!(statuses().await, (200, 200));
    let keys = get(&server.api(), KEYS).await.body;
    assert!(keys.contains("\"kid\":\"next\""), "{keys}");
    // One that cannot sign changes nothing.
    let broken = SIGNING.replace("EdDSA", "ES256");
    server.refuse(&format!("{without}{broken}")).await;
    assert_eq!(statuses().await, (200, 200));
    server.reload(&without).await;
    assert_eq!(statuses().await, (404, 404));
}
