//! Scenarios of every server.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::{join, join_all};
use introspectd_tests::Reply;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::{AWKWARD_ID, CLIENT_ID, Harness, SECRET, Server, TTL_SECONDS};
pub(crate) use super::trial::{
    try_prints_a_working_section, try_with_a_wrong_secret_names_the_credentials,
};

/// Writes a test for each scenario, named after it.
macro_rules! instantiate {
    ($server:ty) => {
        super::scenarios::instantiate! { $server:
            real_token_is_active_until_revoked_and_the_ttl_passed
            unknown_token_is_inactive
            token_is_inactive_at_its_end
            refused_provider_credentials_are_named_in_the_log
            form_encoded_credentials_are_understood
            stopping_a_server_under_load_never_makes_a_token_inactive
            try_prints_a_working_section
            try_with_a_wrong_secret_names_the_credentials
        }
    };
    ($server:ty: $($scenario:ident)*) => {
        $(#[tokio::test]
        async fn $scenario() {
            super::scenarios::$scenario::<$server>().await;
        })*
    };
}
pub(crate) use instantiate;

pub(crate) async fn real_token_is_active_until_revoked_and_the_ttl_passed<S: Server>() {
    let harness = Harness::<S>::open().await;
    let token = harness.mint().await;
    let claims = harness.introspect_there(&token).await;
    assert_eq!(claims["active"], true, "{claims}");
    let name = harness.introspect(&token).await.json()["provider"].clone();
    harness.gateway.clock().advance(TTL_SECONDS);
    let expected = with_whole_seconds(claims, name);
    harness
        .introspect(&token)
        .await
        .assert_active(&expected, "miss");
    harness
        .introspect(&token)
        .await
        .assert_active(&expected, "hit");

    harness.revoke_there(&token).await;
    harness.gateway.clock().advance(TTL_SECONDS);
    harness.introspect(&token).await.assert_inactive();
}

/// Times rounded down, and who vouches for it.
fn with_whole_seconds(mut claims: Value, provider: Value) -> Value {
    for name in ["exp", "iat", "nbf"] {
        if claims[name].is_f64() {
            let text = claims[name].to_string();
            claims[name] = serde_json::from_str(text.split('.').next().unwrap()).unwrap();
        }
    }
    let members = claims.as_object_mut().unwrap();
    members.retain(|_, value| !value.is_null());
    members.insert("provider".to_owned(), provider);
    claims
}

pub(crate) async fn unknown_token_is_inactive<S: Server>() {
    let harness = Harness::<S>::open().await;
    // In the form of the server's own, so that it is asked.
    let token = harness.mint().await;
    let made_up: String = token.chars().rev().collect();
    harness.introspect(&made_up).await.assert_inactive();
    assert_eq!(harness.explain(&made_up).await["route"]["rule"], "regex");
}

pub(crate) async fn token_is_inactive_at_its_end<S: Server>() {
    let harness = Harness::<S>::open().await;
    let token = harness.mint().await;
    let end = harness.introspect(&token).await.json()["exp"]
        .as_i64()
        .unwrap();
    harness.gateway.clock().set(end - 1);
    assert_eq!(harness.introspect(&token).await.json()["active"], true);
    harness.gateway.clock().set(end);
    harness.introspect(&token).await.assert_inactive();
}

pub(crate) async fn refused_provider_credentials_are_named_in_the_log<S: Server>() {
    let token = Harness::<S>::open().await.mint().await;
    let harness = Harness::<S>::open_with(|toml| toml, "another secret").await;
    harness
        .introspect(&token)
        .await
        .assert_problem(502, "upstream_error", None);
    let explained = harness.explain(&token).await;
    let failure = explained["providers"][0]["upstream"]["failure"].to_string();
    assert!(failure.contains("our credentials"), "{explained}");
    assert!(failure.contains(&S::REFUSAL.to_string()), "{explained}");
}

pub(crate) async fn form_encoded_credentials_are_understood<S: Server>() {
    let usual = format!("\"{CLIENT_ID}\"");
    let awkward = format!("\"{AWKWARD_ID}\"");
    let harness = Harness::<S>::open_with(|toml| toml.replace(&usual, &awkward), SECRET).await;
    let token = harness.mint().await;
    assert_eq!(harness.introspect(&token).await.json()["active"], true);
}

/// Answers of each phase before the next one begins.
const ENOUGH: usize = 30;
const CLIENTS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn stopping_a_server_under_load_never_makes_a_token_inactive<S: Server>() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = |port: u16| json!({ "port": port, "folder": folder.path() });
    let peer = S::start(wanted(0)).await;
    let port = peer.port;
    let each_time = |toml: String| toml.replace(&format!("\"{TTL_SECONDS}s\""), "\"0s\"");
    let harness = Harness::<S>::before(&peer, each_time, SECRET).await;
    let token = harness.mint().await;

    let load = Load::default();
    let stop_and_start = async {
        load.until(|load| load.active.load(Relaxed) >= ENOUGH).await;
        assert_eq!(
            load.failed.load(Relaxed),
            0,
            "the server was never out of order"
        );
        drop(peer);
        load.until(|load| load.failed.load(Relaxed) >= ENOUGH).await;
        let peer = S::start(wanted(port)).await;
        // The breaker is open by now, for five seconds.
        harness.gateway.clock().advance(5);
        let before = load.active.load(Relaxed);
        load.until(|load| load.active.load(Relaxed) >= before + ENOUGH)
            .await;
        load.end.store(1, Relaxed);
        peer
    };
    let clients = join_all((0..CLIENTS).map(|_| load.ask(&harness, &token)));
    timeout(PATIENCE, join(stop_and_start, clients))
        .await
        .expect("the server's return");
}

/// Number of answers.
#[derive(Default)]
struct Load {
    active: AtomicUsize,
    failed: AtomicUsize,
    end: AtomicUsize,
}

impl Load {
    async fn ask<S: Server>(&self, harness: &Harness<S>, token: &str) {
        while self.end.load(Relaxed) == 0 {
            let reply = harness.introspect(token).await;
            if is_active(&reply) {
                self.active.fetch_add(1, Relaxed);
                continue;
            }
            assert!([502, 503, 504].contains(&reply.status), "{reply:?}");
            let known = [
                "upstream_error",
                "temporarily_unavailable",
                "upstream_timeout",
            ];
            assert!(
                known.contains(&reply.json()["error"].as_str().unwrap()),
                "{reply:?}"
            );
            self.failed.fetch_add(1, Relaxed);
        }
    }

    /// Lets the clients go on until this holds.
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            tokio::task::yield_now().await;
        }
    }
}

fn is_active(reply: &Reply) -> bool {
    reply.status == 200 && reply.json()["active"] == true
}
