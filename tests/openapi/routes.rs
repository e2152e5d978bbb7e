//! Agreement of the source's routes, the server's answers and the document.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::scene::Scene;

/// Served ahead of the arms in [`routed`], or for itself.
const OTHERWISE: &[&str] = &[
    "/.well-known/oauth-authorization-server",
    "/forward-auth",
    "/forward-auth/{}",
    "/introspect",
    "/openapi.json",
];

/// A path's name for a segment is its own.
fn nameless(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn paths(document: &Value) -> Vec<&String> {
    document["paths"].as_object().unwrap().keys().collect()
}

/// The paths of `["v1", "providers", provider] => …` in the source.
fn routed() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/front/src/records/mod.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let arms = source.lines().filter_map(|line| line.trim().strip_prefix('[')?.split_once("] => "));
    let path = |(segments, _): (&str, &str)| {
        let segments = segments.split(", ").map(|segment| match segment.strip_prefix('"') {
            Some(word) => word.trim_end_matches('"'),
            None => "{}",
        });
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
    };
    let routed: BTreeSet<_> = arms.map(path).collect();
    assert!(routed.contains("/v1/providers/{}/tokens/{}"), "the arms are not found: {routed:?}");
    routed
}

#[tokio::test]
async fn routed_and_described_paths_are_the_same() {
    let document = Scene::open().await.document().await;
    let described: BTreeSet<_> = paths(&document).into_iter().map(|path| nameless(path)).collect();
    let served = routed().into_iter().chain(OTHERWISE.iter().map(|path| (*path).to_owned()));
    assert_eq!(served.collect::<BTreeSet<_>>(), described);
}

#[tokio::test]
async fn unknown_caller_gets_the_id_of_an_audit_line_at_every_endpoint() {
    let scene = Scene::open().await;
    let document = scene.document().await;
    // Proxies are refused without.
    for path in paths(&document).into_iter().filter(|path| !path.starts_with("/forward-auth")) {
        for (method, operation) in document["paths"][path].as_object().unwrap() {
            let Some(refusal) = operation["responses"].get("401") else { continue };
            let refusal = refusal["$ref"].as_str().unwrap().trim_start_matches('#');
            let headers = &document.pointer(refusal).unwrap()["headers"];
            let reply = scene.ask(&method.to_uppercase(), path).await;
            assert_eq!(reply.status, 401, "{method} {path}");
            assert!(headers["X-Request-Id"].is_object(), "{method} {path}");
            assert!(reply.header("x-request-id").is_some(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn described_methods_are_those_that_the_server_allows() {
    let scene = Scene::open().await;
    let document = scene.document().await;
    for path in paths(&document) {
        if path.starts_with("/forward-auth") {
            continue;
        }
        let operations = document["paths"][path].as_object().unwrap();
        let mut described: BTreeSet<_> = operations.keys().map(|method| method.to_uppercase()).collect();
        // Where there is GET there is HEAD (RFC 9110 section 9.1).
        if described.contains("GET") {
            described.insert("HEAD".to_owned());
        }
        let refused = scene.ask("PROPFIND", path).await;
        assert_eq!(refused.status, 405, "{path}");
        let allowed: BTreeSet<_> = refused.header("allow").unwrap().split(", ").map(str::to_owned).collect();
        assert_eq!(allowed, described, "{path}");
    }
}
