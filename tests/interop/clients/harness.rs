//! A provider (simulated), introspectd before it, and the tokens that clients present.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::Full;
use introspectd_core::{Clock, SystemClock};
use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{CLIENT_ID, CLIENT_SECRET, Rfc7662};
use introspectd_tests::{Gateway, Reply};
use serde_json::{Value, json};

/// The caller on introspectd's side.
pub(crate) const CALLER: &str = "app";
/// Secret whose characters each mean something else without the encoding of RFC 6749 section 2.3.1,
/// which many clients omit.
pub(crate) const SECRET: &str = "s3cr:t/+ %&ñ";

/// A second caller, for clients that send what is beyond ASCII in Latin-1.
pub(crate) const ASCII_CALLER: &str = "ascii";
pub(crate) const ASCII_SECRET: &str = "s3cr:t/+ %&";

pub(crate) const GOOD: &str = "token-good";
pub(crate) const LACKS_SCOPE: &str = "token-lacks-scope";
pub(crate) const REVOKED: &str = "token-revoked";
pub(crate) const UNKNOWN: &str = "token-unknown";

/// Provider and introspectd, at the real time, by which clients judge `exp` themselves.
pub(crate) struct Harness {
    pub(crate) provider: Simulator<Rfc7662>,
    pub(crate) gateway: Gateway,
}

impl Harness {
    pub(crate) async fn open() -> Self {
        let now = SystemClock::default().now().seconds();
        let provider = Rfc7662::new(UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()));
        provider.put(GOOD, record(now, "orders.read orders.write"));
        provider.put(LACKS_SCOPE, record(now, "orders.write"));
        provider.put(REVOKED, json!({"active": false}));
        let provider = Simulator::start(provider).await.unwrap();
        let gateway = Gateway::start(&configuration(&provider.base_url())).await;
        gateway.clock().set(now);
        Self { provider, gateway }
    }

    pub(crate) fn introspection_url(&self) -> String {
        format!("http://{}/introspect", self.gateway.api())
    }

    /// Configuration of each client.
    pub(crate) fn wanted(&self, secret: &str) -> Value {
        json!({
            "introspection_url": self.introspection_url(),
            "client_id": CALLER,
            "client_secret": secret,
        })
    }

    /// Sends a request with this token to a client.
    pub(crate) async fn present(
        &self,
        method: Method,
        url: &str,
        token: &str,
        body: &'static str,
    ) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .unwrap();
        self.gateway.send(request).await
    }
}

fn record(now: i64, scope: &str) -> Value {
    json!({
        "active": true,
        "scope": scope,
        "client_id": "shop",
        "username": "alice",
        "sub": "248289761001",
        "iat": now,
        "exp": now + 3600,
    })
}

fn configuration(provider: &str) -> String {
    format!(
        r#"
        [routing]
        unmatched = "sso"

        [callers.{CALLER}]
        secret = {{ literal = "{SECRET}" }}

        [callers.{ASCII_CALLER}]
        secret = {{ literal = "{ASCII_SECRET}" }}

        [providers.sso]
        kind                   = "rfc7662"
        introspection_endpoint = "{provider}/introspect"
        credentials            = {{ type = "client_secret_basic", client_id = "{CLIENT_ID}", client_secret = {{ literal = "{CLIENT_SECRET}" }} }}
        timeout                = "60s"
        "#
    )
}
