//! A transmitter that signs by other libraries, a provider (simulated), and introspectd.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{CLIENT_ID, CLIENT_SECRET, Rfc7662};
use introspectd_tests::{Gateway, NOW, OPS_SECRET, Reply, basic, form_body, now};
use serde_json::{Value, json};

use crate::peer::Peer;

/// `Authorization` of the transmitter.
pub(super) const AUTHORIZED: &str = "Bearer transmitter-secret";

/// Name of introspectd in its tokens.
pub(super) const AUDIENCE: &str = "https://introspect.example";

pub(super) const REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// A token of this subject, and one of another.
const ALICE: &str = "token-alice";
const BOB: &str = "token-bob";

pub(super) struct Harness {
    peer: Peer,
    provider: Simulator<Rfc7662>,
    pub(super) gateway: Gateway,
}

/// Token to be minted.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) key: &'static str,
}

impl Harness {
    /// Introspectd with these further keys in the transmitter's section.
    pub(super) async fn open(section: &str) -> Self {
        let peer = Peer::python("transmitter_peer.py", json!({})).await;
        let provider = Rfc7662::new(now());
        for (token, sub) in [(ALICE, "alice"), (BOB, "bob")] {
            let record = json!({
                "active": true, "exp": NOW + 3600, "sub": sub, "client_id": format!("app-{sub}"),
                "jti": format!("jti-{sub}"),
            });
            provider.put(token, record);
        }
        let provider = Simulator::start(provider).await.unwrap();
        let gateway = Gateway::start(&configuration(&peer, &provider.base_url(), section)).await;
        let harness = Self {
            peer,
            provider,
            gateway,
        };
        harness.keys_are_fetched().await;
        harness
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}/t", self.peer.port)
    }

    async fn keys_are_fetched(&self) {
        while !self.notes().await.contains(" 4 keys, ") && !self.notes().await.contains(" 3 keys, ")
        {
            tokio::task::yield_now().await;
        }
    }

    /// Lines of `/readyz?verbose`.
    pub(super) async fn notes(&self) -> String {
        self.admin("/readyz?verbose").await
    }

    pub(super) async fn admin(&self, path: &str) -> String {
        let uri = format!("http://{}{path}", self.gateway.admin());
        let reply = self
            .gateway
            .send(Request::get(uri).body(Full::default()).unwrap())
            .await;
        String::from_utf8(reply.body.into()).unwrap()
    }

    /// Number of messages that led to this.
    pub(super) async fn counted(&self, outcome: &str) -> u64 {
        let line =
            format!("introspectd_events_total{{transmitter=\"idp\",outcome=\"{outcome}\"}} ");
        let metrics = self.admin("/metrics").await;
        let found = metrics.lines().find_map(|it| it.strip_prefix(&line));
        found
            .unwrap_or_else(|| panic!("{line}: {metrics}"))
            .parse()
            .unwrap()
    }

    /// Has both tokens cached.
    pub(super) async fn warm(&self) {
        for token in [ALICE, BOB] {
            self.gateway.post_introspect(&[("token", token)]).await;
        }
        assert_eq!(self.cached().await, [true, true]);
    }

    /// Asks for Alice's and Bob's tokens again, and returns whether each was still cached.
    pub(super) async fn cached(&self) -> [bool; 2] {
        let mut cached = [false; 2];
        for (cached, token) in cached.iter_mut().zip([ALICE, BOB]) {
            let reply = self.gateway.post_introspect(&[("token", token)]).await;
            assert_eq!(reply.json()["active"], true, "{reply:?}");
            *cached = reply.cache() == Some("hit");
        }
        cached
    }

    /// A security event about Alice.
    pub(super) fn event(&self, jti: &str) -> Wish {
        Wish {
            header: json!({"alg": "ES256", "kid": "ec", "typ": "secevent+jwt"}),
            claims: json!({
                "iss": self.issuer(), "aud": AUDIENCE, "iat": NOW, "jti": jti,
                "sub_id": {"format": "iss_sub", "iss": self.issuer(), "sub": "alice"},
                "events": {REVOKED: {"event_timestamp": NOW}},
            }),
            key: "ec",
        }
    }

    pub(super) async fn mint(&self, wish: &Wish) -> String {
        let wish = json!({"header": wish.header, "claims": wish.claims, "key": wish.key});
        let reply = self.tell("/mint", &wish).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        String::from_utf8(reply.body.into()).unwrap()
    }

    /// Tells the transmitter.
    pub(super) async fn tell(&self, path: &str, wish: &Value) -> Reply {
        let uri = format!("http://127.0.0.1:{}{path}", self.peer.port);
        self.post(&uri, "application/json", None, wish.to_string())
            .await
    }

    /// Tokens that were acknowledged and refused at the transmitter.
    pub(super) async fn polled(&self) -> Value {
        let uri = format!("http://127.0.0.1:{}/polled", self.peer.port);
        let request = Request::get(uri).body(Full::default()).unwrap();
        self.gateway.send(request).await.json()
    }

    pub(super) async fn push(&self, wish: &Wish) -> Reply {
        let set = self.mint(wish).await;
        self.push_text(set, Some(AUTHORIZED)).await
    }

    pub(super) async fn push_text(&self, set: String, authorization: Option<&str>) -> Reply {
        let uri = self.uri("/events");
        self.post(&uri, "application/secevent+jwt", authorization, set)
            .await
    }

    pub(super) async fn log_out(&self, wish: &Wish) -> Reply {
        let token = self.mint(wish).await;
        let form = form_body(&[("logout_token", &token)]);
        let uri = self.uri("/backchannel-logout");
        self.post(&uri, "application/x-www-form-urlencoded", None, form)
            .await
    }

    pub(super) async fn revoke(&self, authorization: &str, body: &Value) -> Reply {
        let uri = self.uri("/global-token-revocation");
        self.post(
            &uri,
            "application/json",
            Some(authorization),
            body.to_string(),
        )
        .await
    }

    pub(super) fn ops() -> String {
        basic("ops", OPS_SECRET)
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.api())
    }

    pub(super) async fn post(
        &self,
        uri: &str,
        kind: &str,
        authorization: Option<&str>,
        body: String,
    ) -> Reply {
        let mut request = Request::post(uri).header(CONTENT_TYPE, kind);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.gateway
            .send(request.body(Full::from(body)).unwrap())
            .await
    }

    /// Number of questions that the provider was asked.
    pub(super) fn asked(&self) -> usize {
        self.provider.requests().len()
    }
}

fn configuration(peer: &Peer, provider: &str, section: &str) -> String {
    let base = format!("http://127.0.0.1:{}", peer.port);
    format!(
        r#"
        [providers.sso]
        kind = "rfc7662"
        match = {{ regex = "." }}
        introspection_endpoint = "{provider}/introspect"
        credentials = {{ type = "client_secret_basic", client_id = "{CLIENT_ID}", client_secret = {{ literal = "{CLIENT_SECRET}" }} }}

        [events.idp]
        issuer    = "{base}/t"
        audience  = ["{AUDIENCE}", "client"]
        providers = ["sso"]
        authorization = {{ literal = "{AUTHORIZED}" }}
        {}
        "#,
        section.replace("BASE", &base)
    )
}
