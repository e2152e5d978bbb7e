//! Tokens that are judged here, by the keys of their issuer.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::jwt::{AUDIENCE, Issuer};
use introspectd_simulators::{Answer, Fault, Simulator, rfc7662};
use introspectd_tests::{EDGE_SECRET, Gateway, NOW, OPS_SECRET, Reply, basic, form_body, now};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://as.example.com";

/// A gateway before a server of keys.
pub(crate) struct House {
    pub(crate) issuer: Simulator<Issuer>,
    pub(crate) gateway: Gateway,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with("", "").await
    }

    /// Opens one with further lines in the provider's section, and further sections.
    pub(crate) async fn open_with(lines: &str, sections: &str) -> Self {
        let issuer = Simulator::start(Issuer::new(ISSUER)).await.unwrap();
        Self::before(issuer, lines, sections).await
    }

    pub(crate) async fn before(issuer: Simulator<Issuer>, lines: &str, sections: &str) -> Self {
        let url = issuer.base_url();
        let gateway = Gateway::start(&format!(
            r#"
            [providers.corp]
            kind     = "jwt"
            issuer   = "{ISSUER}"
            jwks     = {{ url = "{url}/jwks" }}
            audience = ["{AUDIENCE}"]
            timeout  = "60s"
            {lines}
            {sections}
            "#
        ))
        .await;
        Self { issuer, gateway }
    }

    pub(crate) async fn ask(&self, token: &str) -> Reply {
        self.gateway.post_introspect(&[("token", token)]).await
    }

    pub(crate) fn claims(&self) -> Value {
        self.issuer.vendor().claims(NOW)
    }

    pub(crate) fn mint(&self, claims: &Value) -> String {
        self.issuer.vendor().mint(claims)
    }

    /// A token that is good but for one claim.
    fn mint_with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.mint(&claims)
    }

    /// A token that was not seen before.
    pub(crate) fn fresh(&self) -> String {
        self.mint(&self.claims())
    }

    pub(crate) fn fetches(&self) -> usize {
        self.issuer.count()
    }
}

/// A call of `ops` with a form.
pub(crate) async fn operate(gateway: &Gateway, path: &str, form: &[(&str, &str)]) -> Reply {
    let request = Request::post(format!("http://{}{path}", gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let body = Full::from(form_body(form));
    gateway.send(request.body(body).unwrap()).await
}

/// The provider as `GET /v1/providers` shows it.
pub(crate) async fn provider(gateway: &Gateway) -> Value {
    let request = Request::get(format!("http://{}/v1/providers", gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET));
    let reply = gateway.send(request.body(Full::default()).unwrap()).await;
    reply.json()["providers"][0].clone()
}

pub(crate) fn active(mut claims: Value) -> Value {
    claims["active"] = json!(true);
    claims["provider"] = json!("corp");
    claims
}

#[tokio::test]
async fn good_token_is_answered_with_its_claims_and_asked_about_nowhere() {
    let house = House::open().await;
    let claims = house.claims();
    let token = house.mint(&claims);
    let expected = active(claims);
    house.ask(&token).await.assert_active(&expected, "miss");
    house.ask(&token).await.assert_active(&expected, "hit");
    house.ask(&house.fresh()).await.json();
    assert_eq!(house.fetches(), 1);
    let fetch = &house.issuer.requests()[0];
    assert_eq!((&*fetch.method, fetch.path()), ("GET", "/jwks"));
    house.gateway.clock().advance(3600);
    house.ask(&token).await.assert_inactive();
}

#[tokio::test]
async fn bad_token_is_inactive_and_no_more_is_said() {
    let house = House::open().await;
    let issuer = house.issuer.vendor();
    let with = |name: &str, value: Value| house.mint_with(name, value);
    let header = |header: Value| issuer.mint_as(&header, &house.claims());
    let good = house.fresh();
    let (body, signature) = good.rsplit_once('.').unwrap();
    let bad = [
        issuer.forge(&house.claims()),
        format!("{body}.{}", signature.chars().rev().collect::<String>()),
        format!("{body}."),
        with("aud", json!("https://other.example.com")),
        with("exp", json!(NOW)),
        with("exp", json!("1800003600")),
        with("nbf", json!(NOW + 1)),
        with("iat", json!(NOW + 1)),
        header(json!({"typ": "logout+jwt"})),
        header(json!({"typ": "JWT", "crit": ["exp"]})),
        header(json!({"alg": "none"})),
        header(json!({"alg": "HS256"})),
        header(json!({"alg": "RS256"})),
        header(json!({"kid": "made-up"})),
        issuer.mint_as(&json!({"typ": "JWT"}), &{
            let mut claims = house.claims();
            claims["nonce"] = json!("n");
            claims
        }),
    ];
    for token in bad {
        house.ask(&token).await.assert_inactive();
    }
    // It names the issuer of nobody here.
    house
        .ask(&with("iss", json!("https://other.example")))
        .await
        .assert_inactive();
    let named = [("token", good.as_str()), ("provider", "corp")];
    assert_eq!(
        house.gateway.post_introspect(&named).await.json()["active"],
        json!(true)
    );
}

#[tokio::test]
async fn refused_token_is_explained_by_what_is_wrong_with_it() {
    let house = House::open().await;
    let issuer = house.issuer.vendor();
    let with = |name: &str, value: Value| house.mint_with(name, value);
    let explain = async |token: &str| {
        let form = [("token", token)];
        let reply = operate(&house.gateway, "/v1/explain", &form).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    };
    let header = |header: Value| issuer.mint_as(&header, &house.claims());
    for (token, reason) in [
        (
            with("aud", json!("https://other.example")),
            "the audience is another one",
        ),
        (with("exp", json!("1800003600")), "the claim exp is invalid"),
        (
            with("iat", json!(NOW + 1)),
            "the token was issued in the future",
        ),
        (
            header(json!({"typ": "logout+jwt"})),
            "the type (typ) is not that of an access token",
        ),
        (issuer.forge(&house.claims()), "the signature is invalid"),
    ] {
        // Once asked anew, once from the cache, which holds no reason.
        for _ in 0..2 {
            let answer = explain(&token).await;
            let said = &answer["providers"][0]["upstream"]["reason"];
            assert_eq!(said, reason, "{answer:#}");
            let described = format!("Judged here, it is refused: {reason}.");
            assert_eq!(answer["decision"]["description"], described.as_str());
            let shown = answer.to_string();
            assert!(
                !shown.contains(token.rsplit_once('.').unwrap().1),
                "{shown}"
            );
        }
    }
    let over = explain(&with("exp", json!(NOW))).await;
    assert_eq!(over["decision"]["reason"], "expired");
    assert_eq!(over["providers"][0]["upstream"]["reason"], Value::Null);
    assert_eq!(explain(&house.fresh()).await["decision"]["active"], true);
    assert_eq!(house.fetches(), 1);
}

#[tokio::test]
async fn token_from_a_clock_that_is_ahead_is_active_once_its_time_has_come() {
    let house = House::open_with("", "[cache]\ninactive_ttl = \"5m\"").await;
    for name in ["iat", "nbf"] {
        let mut claims = house.claims();
        claims[name] = json!(house.claims()["iat"].as_i64().unwrap() + 3);
        let token = house.mint(&claims);
        house.ask(&token).await.assert_inactive();
        house.gateway.clock().advance(2);
        house.ask(&token).await.assert_inactive();
        house.gateway.clock().advance(1);
        house
            .ask(&token)
            .await
            .assert_active(&active(claims), "miss");
        house.gateway.clock().set(NOW);
    }
    let skewed = House::open_with("clock_skew = \"3s\"", "").await;
    let claims = skewed.issuer.vendor().claims(NOW + 3);
    let token = skewed.mint(&claims);
    skewed
        .ask(&token)
        .await
        .assert_active(&active(claims), "miss");
}

#[tokio::test]
async fn gateway_s_headers_are_made_of_the_claims() {
    let house = House::open_with("", "[policies.orders]\nscope = [\"read\"]").await;
    let decide = async |token: &str| {
        let request = Request::get(format!(
            "http://{}/forward-auth/orders",
            house.gateway.api()
        ))
        .header("x-introspectd-caller", basic("edge", EDGE_SECRET))
        .header(AUTHORIZATION, format!("Bearer {token}"));
        house
            .gateway
            .send(request.body(Full::default()).unwrap())
            .await
    };
    let allowed = decide(&house.fresh()).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("x-auth-client-id"), Some("shop"));
    assert_eq!(allowed.header("x-auth-scope"), Some("read write"));
    let mut claims = house.claims();
    claims["scope"] = json!(null);
    claims["scp"] = json!(["write"]);
    assert_eq!(decide(&house.mint(&claims)).await.status, 403);
    assert_eq!(
        decide(&house.issuer.vendor().forge(&claims)).await.status,
        401
    );
    // Bound to a key, of which nothing was shown.
    let mut bound = house.claims();
    bound["cnf"] = json!({"jkt": "x"});
    assert_eq!(decide(&house.mint(&bound)).await.status, 401);
}

#[tokio::test]
async fn purge_finds_a_token_by_its_claims() {
    let house = House::open().await;
    let purge = async |selector: Value| {
        let request = Request::post(format!("http://{}/v1/cache/purge", house.gateway.api()))
            .header(AUTHORIZATION, basic("ops", OPS_SECRET))
            .header(CONTENT_TYPE, "application/json");
        let body = Full::from(selector.to_string());
        house.gateway.send(request.body(body).unwrap()).await
    };
    let claims = house.claims();
    let token = house.mint(&claims);
    let expected = active(claims.clone());
    for selector in [
        json!({"sub": claims["sub"]}),
        json!({"client_id": claims["client_id"]}),
        json!({"token": token}),
        json!({"provider": "corp"}),
    ] {
        house.ask(&token).await;
        house.ask(&token).await.assert_active(&expected, "hit");
        assert_eq!(purge(selector).await.status, 200);
        house.ask(&token).await.assert_active(&expected, "miss");
    }
}

#[tokio::test]
async fn token_without_a_server_to_tell_cannot_be_revoked() {
    let house = House::open().await;
    let token = house.fresh();
    house.ask(&token).await;
    let revoked = operate(&house.gateway, "/revoke", &[("token", &token)]).await;
    assert_eq!(revoked.status, 501);
    let shown = provider(&house.gateway).await;
    assert_eq!(shown["capabilities"], json!(["introspect"]));
    let again = house.ask(&token).await;
    assert_eq!(again.cache(), Some("miss"), "purged in all cases");
}

/// A gateway before a server of keys, and a server that knows what became of each token.
async fn open_asking() -> (House, Simulator<rfc7662::Rfc7662>) {
    let server = Simulator::start(rfc7662::Rfc7662::new(now()))
        .await
        .unwrap();
    let url = server.base_url();
    let (id, secret) = (rfc7662::CLIENT_ID, rfc7662::CLIENT_SECRET);
    let asks = format!(
        r#"
        [providers.corp.introspect]
        introspection_endpoint = "{url}/introspect"
        revocation_endpoint    = "{url}/revoke"
        credentials = {{ type = "client_secret_basic", client_id = "{id}", client_secret = {{ literal = "{secret}" }} }}
        retry = "off"
        "#
    );
    (House::open_with("", &asks).await, server)
}

#[tokio::test]
async fn good_token_is_asked_about_as_well_where_its_revocation_is_to_be_seen() {
    let (house, server) = open_asking().await;
    let claims = house.claims();
    let token = house.mint(&claims);
    // It says less than the token, as servers may.
    server.vendor().put(&token, json!({"active": true}));
    let expected = active(claims.clone());
    house.ask(&token).await.assert_active(&expected, "miss");
    house.ask(&token).await.assert_active(&expected, "hit");
    assert_eq!(server.count(), 1);
    server.vendor().revoke(&token);
    house.gateway.clock().advance(60);
    house.ask(&token).await.assert_inactive();
    assert_eq!(server.count(), 2);

    let forged = house.issuer.vendor().forge(&claims);
    let mut expired = house.claims();
    expired["exp"] = json!(NOW);
    for bad in [forged, house.mint(&expired)] {
        server.vendor().put(&bad, json!({"active": true}));
        house.ask(&bad).await.assert_inactive();
    }
    assert_eq!(server.count(), 2, "a bad one is never asked about");
}

#[tokio::test]
async fn server_that_is_asked_as_well_decides_with_the_signature() {
    let (house, server) = open_asking().await;
    let answered = async |record: Value| {
        let token = house.fresh();
        server.vendor().put(&token, record);
        house.ask(&token).await
    };
    answered(json!({"active": false})).await.assert_inactive();
    answered(json!({"active": true, "exp": NOW}))
        .await
        .assert_inactive();
    let sooner = answered(json!({"active": true, "exp": NOW + 10}))
        .await
        .json();
    assert_eq!(sooner["exp"], json!(NOW + 10));
    for other in [
        json!({"active": true, "sub": "mallory"}),
        json!({"active": true, "jti": "other"}),
        json!({"active": "true"}),
    ] {
        answered(other)
            .await
            .assert_problem(502, "upstream_error", None);
    }
    server.next(Fault::Answer(Answer::empty(503)));
    let failed = house.ask(&house.fresh()).await;
    failed.assert_problem(503, "temporarily_unavailable", failed.header("retry-after"));

    let token = house.fresh();
    server.vendor().put(&token, json!({"active": true}));
    house.ask(&token).await.json();
    let revoked = operate(&house.gateway, "/revoke", &[("token", &token)]).await;
    assert_eq!(revoked.status, 200);
    house.ask(&token).await.assert_inactive();
    assert!(server.vendor().record(&token).is_some());
}
