//! Agreement of the source's routes, the server's answers and the document.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::harness::Harness;

/// A path's name for a segment is its own.
fn nameless(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') {
            "{}"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn paths(document: &Value) -> Vec<&String> {
    document["paths"].as_object().unwrap().keys().collect()
}

/// The paths of `Route::new("GET", "/v1/providers", …)` in the source.
fn routed() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/front/src/routes.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let rows = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Route::new("));
    let path = |row: &str| nameless(row.split('"').find(|text| text.starts_with('/')).unwrap());
    let routed: BTreeSet<_> = rows.map(path).collect();
    assert!(
        routed.contains("/v1/providers/{}/tokens/{}"),
        "the rows are not found: {routed:?}"
    );
    routed
}

#[tokio::test]
async fn routed_and_described_paths_are_the_same() {
    let document = Harness::open().await.document().await;
    let described: BTreeSet<_> = paths(&document)
        .into_iter()
        .map(|path| nameless(path))
        .collect();
    assert_eq!(routed(), described);
}

#[tokio::test]
async fn unknown_caller_gets_the_id_of_an_audit_line_at_every_endpoint() {
    let harness = Harness::open().await;
    let document = harness.document().await;
    // Proxies are refused without.
    for path in paths(&document)
        .into_iter()
        .filter(|path| !path.starts_with("/forward-auth"))
    {
        for (method, operation) in document["paths"][path].as_object().unwrap() {
            let Some(refusal) = operation["responses"].get("401") else {
                continue;
            };
            let refusal = refusal["$ref"].as_str().unwrap().trim_start_matches('#');
            let headers = &document.pointer(refusal).unwrap()["headers"];
            let reply = harness.ask(&method.to_uppercase(), path).await;
            assert_eq!(reply.status, 401, "{method} {path}");
            assert!(headers["X-Request-Id"].is_object(), "{method} {path}");
            assert!(reply.header("x-request-id").is_some(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn described_methods_are_those_that_the_server_allows() {
    let harness = Harness::open().await;
    let document = harness.document().await;
    for path in paths(&document) {
        if path.starts_with("/forward-auth") {
            continue;
        }
        let operations = document["paths"][path].as_object().unwrap();
        let mut described: BTreeSet<_> = operations
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        // Where there is GET there is HEAD (RFC 9110 section 9.1).
        if described.contains("GET") {
            described.insert("HEAD".to_owned());
        }
        let refused = harness.ask("PROPFIND", path).await;
        assert_eq!(refused.status, 405, "{path}");
        let allowed: BTreeSet<_> = refused
            .header("allow")
            .unwrap()
            .split(", ")
            .map(str::to_owned)
            .collect();
        assert_eq!(allowed, described, "{path}");
    }
}
