//! Answers in the shapes of servers that people run, written from their documentation, and what we
//! make of each.
//!
//! Each file of `testdata/real` names its page, has the server's answer, the members that we drop
//! or change with the reason, and what a gateway is answered. All others pass as they are. Personal
//! details are made up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod reading;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use introspectd_simulators::{Simulator, rfc7662};
use introspectd_tests::{
    EDGE_SECRET, Fixture, Gateway, OPS_SECRET, Reply, Rfc7662, basic, form_body, now,
};
use serde_json::{Map, Value, json};

struct Harness {
    gateway: Gateway,
    server: Simulator<rfc7662::Rfc7662>,
}

impl Harness {
    /// Opens a gateway with these further lines in the provider's section.
    async fn open(more: &str) -> Self {
        let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let section = Rfc7662::section(&server.base_url());
        let provider = format!("[providers.sso]\n{section}\nmatch = {{ regex = \".\" }}\n{more}");
        Self {
            gateway: Gateway::start(&provider).await,
            server,
        }
    }

    async fn introspect(&self, token: &str) -> Reply {
        self.gateway.post_introspect(&[("token", token)]).await
    }

    async fn forward_auth(&self, token: &str) -> Reply {
        let request = Request::get(format!(
            "http://{}/forward-auth/default",
            self.gateway.api()
        ))
        .header("x-introspectd-caller", format!("Bearer {EDGE_SECRET}"))
        .header("authorization", format!("Bearer {token}"));
        self.gateway
            .send(request.body(Full::new(Bytes::new())).unwrap())
            .await
    }

    async fn explain(&self, token: &str) -> Value {
        let form = form_body(&[("token", token), ("policy", "default")]);
        let request = Request::post(format!("http://{}/v1/explain", self.gateway.api()))
            .header("authorization", basic("ops", OPS_SECRET))
            .header("content-type", "application/x-www-form-urlencoded");
        self.gateway
            .send(request.body(Full::from(form)).unwrap())
            .await
            .json()
    }
}

fn files() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/testdata/real");
    let read = |file: std::fs::DirEntry| {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let name = file
            .path()
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        (name, serde_json::from_str(&text).unwrap())
    };
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| read(file.unwrap()))
        .collect()
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

#[tokio::test]
async fn responses_of_common_servers_are_read() {
    let harness = Harness::open("").await;
    let files = files();
    assert!(files.len() >= 16, "{}", files.len());
    for (name, file) in &files {
        let token = format!("a-token-of-{name}");
        assert!(
            file["page"].as_str().unwrap().starts_with("https://"),
            "{name}"
        );
        harness.server.vendor().put(&token, file["answer"].clone());
        let mut expected = file["answer"].clone();
        expected["provider"] = json!("sso");
        for (member, change) in members(&file["changes"]) {
            assert!(
                !change["why"].as_str().unwrap().is_empty(),
                "{name}: {member}"
            );
            assert_ne!(
                expected.get(member),
                change.get("to"),
                "{name}: {member} is not changed"
            );
            match change.get("to") {
                Some(value) => expected[member] = value.clone(),
                None => drop(
                    members(&expected)
                        .contains_key(member)
                        .then(|| remove(&mut expected, member)),
                ),
            }
        }
        for cache in ["miss", "hit"] {
            let reply = harness.introspect(&token).await;
            assert_eq!(
                (reply.json(), reply.cache()),
                (expected.clone(), Some(cache)),
                "{name}"
            );
        }
        let decision = &file["forward_auth"];
        let reply = harness.forward_auth(&token).await;
        assert_eq!(json!(reply.status), decision["status"], "{name}");
        for (header, value) in decision.get("headers").map(members).into_iter().flatten() {
            assert_eq!(reply.header(header), value.as_str(), "{name}: {header}");
        }
        let policy = &harness.explain(&token).await["policy"];
        assert_eq!(policy.get("reason"), decision.get("reason"), "{name}");
    }
}

fn remove(object: &mut Value, member: &str) -> Option<Value> {
    object.as_object_mut().unwrap().remove(member)
}
