//! Tokens of others, judged here: of PyJWT and joserfc, good ones and ones with a single defect
//! each, and of oidc-provider while its keys rotate.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_tests::{Gateway, NOW, Reply, basic};
use serde_json::{Value, json};

use crate::peer::Peer;

const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://api.example";

/// Least numbers of tokens, lest a peer that mints none passes.
const GOOD: usize = 25;
const BAD: usize = 100;

#[tokio::test]
async fn every_good_token_is_active_and_every_other_is_not() {
    let wanted = json!({"now": NOW, "issuer": ISSUER, "audience": AUDIENCE});
    let peer = Peer::python("jwt_peer.py", wanted).await;
    let port = peer.port;
    // By another rule than the issuer, so that tokens without one are judged as well.
    let gateway = Gateway::start(&format!(
        r#"
        [routing]
        unmatched = "corp"
        [providers.corp]
        kind     = "jwt"
        issuer   = "{ISSUER}"
        jwks     = {{ url = "http://127.0.0.1:{port}/jwks" }}
        audience = ["{AUDIENCE}"]
        timeout  = "60s"
        "#
    ))
    .await;
    let tokens = Request::get(format!("http://127.0.0.1:{port}/tokens"));
    let tokens = gateway
        .send(tokens.body(Full::default()).unwrap())
        .await
        .json();
    let (mut counts, mut wrong) = ([0, 0], Vec::new());
    for token in tokens.as_array().unwrap() {
        let text = token["token"].as_str().unwrap();
        let reply = gateway.post_introspect(&[("token", text)]).await;
        let name = token["name"].as_str().unwrap();
        let is_good = token["active"] == json!(true);
        counts[usize::from(is_good)] += 1;
        let active = match reply.status {
            200 => reply.json()["active"].clone(),
            status => json!(status),
        };
        if active != json!(is_good) {
            wrong.push(format!("{name}: {active}"));
        }
        if !is_good && reply.status == 200 && reply.body != b"{\"active\":false}"[..] {
            wrong.push(format!("{name}: {:?}", reply.body));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(counts[1] >= GOOD && counts[0] >= BAD, "{counts:?}");
}

/// A gateway before oidc-provider, whose access tokens for a resource are JWTs.
struct Rotating {
    server: Peer,
    gateway: Gateway,
}

impl Rotating {
    async fn open() -> Self {
        let server = Peer::node("oidc-provider", "server.mjs", json!({"jwt": true})).await;
        let port = server.port;
        let gateway = Gateway::start(&format!(
            r#"
            [cache]
            inactive_ttl = "10m"
            [providers.op]
            kind     = "jwt"
            issuer   = "http://127.0.0.1:{port}"
            discover = true
            audience = ["https://orders.example"]
            type     = "require"
            timeout  = "60s"
            "#
        ))
        .await;
        #[allow(
            clippy::disallowed_methods,
            reason = "the server's clock is the machine's"
        )]
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        gateway.clock().set(i64::try_from(now).unwrap());
        Self { server, gateway }
    }

    async fn get(&self, path: &str) -> Reply {
        let request = Request::get(format!("http://127.0.0.1:{}{path}", self.server.port));
        self.gateway
            .send(request.body(Full::default()).unwrap())
            .await
    }

    async fn mint(&self) -> String {
        let request = Request::post(format!("http://127.0.0.1:{}/token", self.server.port))
            .header(AUTHORIZATION, basic("app", "app-secret"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = Full::from("grant_type=client_credentials&scope=orders.read");
        let reply = self.gateway.send(request.body(form).unwrap()).await.json();
        reply["access_token"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, token: &str) -> Value {
        let reply = self.gateway.post_introspect(&[("token", token)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }
}

#[tokio::test]
async fn tokens_of_oidc_provider_are_judged_right_while_its_keys_rotate() {
    const ROUNDS: usize = 12;
    const CROWD: usize = 20;
    let house = Rotating::open().await;
    let first = house.mint().await;
    let answer = house.ask(&first).await;
    assert_eq!(answer["scope"], json!("orders.read"));
    assert_eq!(
        (&answer["client_id"], &answer["provider"]),
        (&json!("app"), &json!("op"))
    );
    let mut before: Option<String> = None;
    for round in 0..ROUNDS {
        assert_eq!(house.get("/rotate").await.status, 204);
        // The set may be fetched again.
        house.gateway.clock().advance(10);
        let tokens = join_all((0..CROWD).map(|_| house.mint())).await;
        // Those of this key, those of the key before, forgeries and copies, all at once.
        let good = tokens.iter().chain(&before);
        let good = join_all(good.map(|token| house.ask(token)));
        let forged: Vec<String> = tokens
            .iter()
            .map(|token| {
                let (signed, signature) = token.rsplit_once('.').unwrap();
                let reversed: String = signature.chars().rev().collect();
                format!("{signed}.{reversed}")
            })
            .collect();
        let forged = join_all(forged.iter().map(|token| house.ask(token)));
        let again = join_all(tokens.iter().map(|token| house.ask(token)));
        let (good, forged, again) = tokio::join!(good, forged, again);
        for answer in good.iter().chain(&again) {
            assert_eq!(answer["active"], json!(true), "round {round}");
        }
        for answer in forged {
            assert_eq!(answer, json!({"active": false}), "round {round}");
        }
        before = Some(house.mint().await);
    }
    // Its key was taken out long ago, and nothing of it is kept.
    house.gateway.clock().advance(60);
    assert_eq!(house.ask(&first).await, json!({"active": false}));
}
