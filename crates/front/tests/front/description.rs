//! Documents for programs: `/openapi.json` and `/.well-known/oauth-authorization-server`.

use serde_json::json;

use crate::bench::Bench;
use crate::client::{Ask, http2_to, received};

const METADATA: &str = "/.well-known/oauth-authorization-server";

fn at(method: &'static str, path: &str) -> Ask {
    Ask::form("")
        .to(method, path)
        .without("content-type")
        .without("authorization")
}

async fn issuer(ask: Ask, bench: &Bench) -> String {
    ask.at(bench).await.json()["issuer"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn both_documents_are_public() {
    let bench = Bench::start().await;
    for path in ["/openapi.json", METADATA] {
        for by in ["Bearer wrong", "Basic wrong"] {
            assert_eq!(
                at("GET", path).by(by).at(&bench).await.status,
                200,
                "{path}"
            );
        }
        let read = at("GET", path).at(&bench).await;
        assert_eq!(
            (read.status, read.json().is_object()),
            (200, true),
            "{path}"
        );
        let head = at("HEAD", path).at(&bench).await;
        assert_eq!((head.status, &*head.body), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let refused = at(method, path).at(&bench).await;
            refused.refuses(405, "method_not_allowed");
            assert_eq!(refused.header("allow"), Some("GET, HEAD"), "{path}");
        }
    }
    for path in [
        "/openapi.json/",
        "/.well-known",
        "/.well-known/openid-configuration",
    ] {
        at("GET", path).at(&bench).await.refuses(404, "not_found");
    }
    at("GET", &format!("{METADATA}/x"))
        .at(&bench)
        .await
        .refuses(404, "not_found");
}

#[tokio::test]
async fn metadata_names_the_address_that_the_client_used() {
    let bench = Bench::start().await;
    assert_eq!(
        at("GET", METADATA)
            .header("host", "introspect.example:8080")
            .at(&bench)
            .await
            .json(),
        json!({
            "issuer": "http://introspect.example:8080",
            "introspection_endpoint": "http://introspect.example:8080/introspect",
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "Bearer"],
            "revocation_endpoint": "http://introspect.example:8080/revoke",
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
            "response_types_supported": [],
            "grant_types_supported": [],
        })
    );
    let forwarded = at("GET", METADATA).header("x-forwarded-host", "evil.example");
    assert_eq!(
        issuer(forwarded.header("forwarded", "host=evil.example"), &bench).await,
        "http://introspectd"
    );

    let mut sender = http2_to(bench.address).await;
    let response = sender
        .send_request(at("GET", METADATA).http2_request(bench.address))
        .await
        .unwrap();
    let expected = format!("http://{}", bench.address);
    assert_eq!(received(response, false).await.json()["issuer"], expected);
}

#[tokio::test]
async fn metadata_without_a_valid_host_names_localhost() {
    let bench = Bench::start().await;
    for odd in ["", "u:p@a.example", "a.example/x", "<script>"] {
        assert_eq!(
            issuer(at("GET", METADATA).header("host", odd), &bench).await,
            "http://localhost",
            "{odd}"
        );
    }
}
