//! Tokens that npm `oidc-provider` binds to a key: by DPoP, with proofs of npm `oauth4webapi`, and
//! by a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_tests::{EDGE_SECRET, Reply, basic, form_body};
use serde_json::{Value, json};

use super::oidc_provider::OidcProvider;
use super::server::{Harness, SECRET};
use crate::peer::ask_node;

const POLICIES: &str = r#"
    [policies.bound]
    scope = ["orders.read"]
    request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
    certificate = "Client-Cert"
    [policies.nonce]
    nonce = "5m"
    request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
"#;

async fn open() -> Harness<OidcProvider> {
    Harness::open_with(|toml| toml + POLICIES, SECRET).await
}

/// Results of the library's steps, by this policy.
async fn steps(policy: &str) -> Value {
    let harness = open().await;
    let question = json!({
        "issuer": harness.base(),
        "decide": format!("http://{}/forward-auth/{policy}", harness.gateway.api()),
        "caller": EDGE_SECRET,
    });
    ask_node("oauth4webapi", "bound.mjs", &question).await
}

#[tokio::test]
async fn proofs_of_every_algorithm_pass_and_a_stolen_token_does_not() {
    let steps = steps("bound").await;
    let passes = json!({"status": 200, "maxAge": "0"});
    for algorithm in ["ES256", "ES384", "PS256", "RS256"] {
        let expected = json!({"token_type": "dpop", "first": passes, "second": passes});
        assert_eq!(steps[algorithm], expected, "{algorithm}");
    }
    for step in ["stolen", "bearer", "unknown"] {
        let thrown = &steps[step];
        assert_eq!(thrown["thrown"], "WWWAuthenticateChallengeError", "{step}");
        assert_eq!(thrown["schemes"], json!(["bearer", "dpop"]), "{step}");
        assert_eq!(thrown["errors"], json!(["invalid_token", "invalid_token"]));
        let algs = thrown["algs"][1].as_str().unwrap();
        assert!(algs.contains("ES256") && algs.contains("Ed25519"), "{algs}");
    }
}

/// The library learns the nonce by the error, and its next proof has it.
#[tokio::test]
async fn nonce_is_learned_by_the_library() {
    let steps = steps("nonce").await;
    for algorithm in ["ES256", "ES384", "PS256", "RS256"] {
        let asked = &steps[algorithm]["first"];
        assert_eq!(asked["isNonceError"], true, "{asked}");
        assert_eq!(asked["errors"], json!(["use_dpop_nonce"]));
        assert_eq!(steps[algorithm]["second"]["status"], 200, "{steps}");
    }
    assert_eq!(
        steps["stolen"]["errors"],
        json!(["invalid_token", "invalid_token"])
    );
}

#[tokio::test]
async fn certificate_bound_token_passes_with_its_certificate_only() {
    let harness = open().await;
    let certificate = || {
        let name = vec!["client.example".to_owned()];
        let made = rcgen::generate_simple_self_signed(name).unwrap();
        STANDARD.encode(made.cert.der())
    };
    let (mine, other) = (certificate(), certificate());
    let grant = [
        ("grant_type", "client_credentials"),
        ("scope", "orders.read"),
    ];
    let request = Request::post(format!("{}/token", harness.base()))
        .header(AUTHORIZATION, basic("mtls-app", "app-secret"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-certificate", &mine)
        .body(Full::from(form_body(&grant)))
        .unwrap();
    let minted = harness.gateway.send(request).await;
    assert_eq!(minted.status, 200, "{minted:?}");
    let token = minted.json()["access_token"].as_str().unwrap().to_owned();
    let there = harness.introspect_there(&token).await;
    assert!(there["cnf"]["x5t#S256"].is_string(), "{there}");
    let here = harness.introspect(&token).await.json();
    assert_eq!(here["cnf"], there["cnf"]);

    let ask = async |certificate: Option<&str>| -> Reply {
        let url = format!("http://{}/forward-auth/bound", harness.gateway.api());
        let mut request = Request::get(url)
            .header("x-introspectd-caller", format!("Bearer {EDGE_SECRET}"))
            .header(AUTHORIZATION, format!("Bearer {token}"));
        if let Some(certificate) = certificate {
            request = request.header("client-cert", format!(":{certificate}:"));
        }
        let request = request.body(Full::new(Bytes::new())).unwrap();
        harness.gateway.send(request).await
    };
    assert_eq!(ask(Some(&mine)).await.status, 200);
    assert_eq!(ask(Some(&other)).await.status, 401);
    assert_eq!(ask(None).await.status, 401);
}
