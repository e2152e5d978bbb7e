//! Server with introspectd in front, configured by its page.

use std::collections::HashMap;
use std::marker::PhantomData;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_core::{Clock, SystemClock};
use introspectd_tests::{EDGE_SECRET, Gateway, Reply, basic, form_body};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::page;
use crate::peer::Peer;

/// Secret of both clients that may introspect. Each of its characters means something else where
/// RFC 6749 section 2.3.1's encoding is left out.
pub(crate) const SECRET: &str = "s3cr:t/+ %&";

/// The same, encoded as that section says.
pub(crate) const ENCODED_SECRET: &str = "s3cr%3At%2F%2B%20%25%26";

/// The client on the page, and one whose id needs the encoding, too.
pub(crate) const CLIENT_ID: &str = "introspectd";
pub(crate) const AWKWARD_ID: &str = "intro spectd:1";

/// Longest reuse of an active answer.
pub(crate) const TTL_SECONDS: u32 = 30;

/// Differences between servers.
pub(crate) trait Server {
    /// File name of its page in `docs/providers`.
    const PAGE: &'static str;
    /// Address of the server on the page.
    const PLACE: &'static str;
    /// Paths of RFC 6749, RFC 7662 and RFC 7009.
    const TOKEN: &'static str;
    const INTROSPECTION: &'static str;
    const REVOCATION: &'static str;
    /// Status that it answers wrong credentials with.
    const REFUSAL: u16;

    /// Starts one. `wanted` may name a `port` and the `folder` where it keeps its tokens.
    fn start(wanted: Value) -> impl Future<Output = Peer> + Send;

    /// The one that tests share.
    fn shared() -> &'static OnceCell<Peer>;
}

/// A server, and introspectd before it.
pub(crate) struct Harness<S> {
    base: String,
    pub(crate) gateway: Gateway,
    _server: PhantomData<S>,
}

impl<S: Server> Harness<S> {
    /// The shared server, and introspectd as the page says.
    pub(crate) async fn open() -> Self {
        Self::open_with(|toml| toml, SECRET).await
    }

    /// The same, with these changes of the page's section, and another secret of ours.
    pub(crate) async fn open_with(change: impl FnOnce(String) -> String, secret: &str) -> Self {
        let peer = S::shared().get_or_init(|| S::start(json!({}))).await;
        Self::before(peer, change, secret).await
    }

    /// Introspectd before this server.
    pub(crate) async fn before(
        peer: &Peer,
        change: impl FnOnce(String) -> String,
        secret: &str,
    ) -> Self {
        let base = format!("http://127.0.0.1:{}", peer.port);
        let section = page::section(S::PAGE);
        let environment: HashMap<_, _> = page::variables(&section)
            .into_iter()
            .map(|name| (name.to_owned(), secret.to_owned()))
            .collect();
        // So long that no busy machine makes a timeout where none is meant.
        let section =
            section
                .replace(S::PLACE, &base)
                .replacen("kind ", "timeout = \"60s\"\nkind ", 1);
        let gateway = Gateway::start_in(&environment, &change(configuration(&section))).await;
        gateway.clock().set(SystemClock::default().now().seconds());
        Self {
            base,
            gateway,
            _server: PhantomData,
        }
    }

    /// Address of the server.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Has the server mint a token for its client `app`.
    pub(crate) async fn mint(&self) -> String {
        let grant = [
            ("grant_type", "client_credentials"),
            ("scope", "orders.read orders.write"),
        ];
        let minted = self
            .post(S::TOKEN, &basic("app", "app-secret"), &grant)
            .await;
        assert_eq!(minted.status, 200, "{minted:?}");
        minted.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The server's own answer.
    pub(crate) async fn introspect_there(&self, token: &str) -> Value {
        let ours = basic(CLIENT_ID, ENCODED_SECRET);
        self.post(S::INTROSPECTION, &ours, &[("token", token)])
            .await
            .json()
    }

    /// Has `app` revoke its token at the server.
    pub(crate) async fn revoke_there(&self, token: &str) {
        let revoked = self
            .post(
                S::REVOCATION,
                &basic("app", "app-secret"),
                &[("token", token)],
            )
            .await;
        assert_eq!(revoked.status, 200, "{revoked:?}");
    }

    /// Introspects a token through introspectd.
    pub(crate) async fn introspect(&self, token: &str) -> Reply {
        self.gateway.post_introspect(&[("token", token)]).await
    }

    /// Explains a token through introspectd.
    pub(crate) async fn explain(&self, token: &str) -> Value {
        let path = format!("http://{}/v1/explain", self.gateway.api());
        self.send(path, &basic("edge", EDGE_SECRET), &[("token", token)])
            .await
            .json()
    }

    async fn post(&self, path: &str, authorization: &str, form: &[(&str, &str)]) -> Reply {
        self.send(format!("{}{path}", self.base), authorization, form)
            .await
    }

    async fn send(&self, url: String, authorization: &str, form: &[(&str, &str)]) -> Reply {
        let request = Request::post(url)
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form_body(form)))
            .unwrap();
        self.gateway.send(request).await
    }
}

/// Configuration of a gateway with this section.
pub(crate) fn configuration(section: &str) -> String {
    format!(
        r#"
        [listen]
        api   = ["127.0.0.1:0"]
        admin = ["127.0.0.1:0"]

        [cache]
        ttl = "{TTL_SECONDS}s"

        [callers.edge]
        secret      = {{ literal = "{EDGE_SECRET}" }}
        permissions = ["introspect", "explain"]

        {section}
        "#
    )
}
