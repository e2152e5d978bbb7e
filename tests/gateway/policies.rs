//! Policies of a provider, as callers see them.

use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::rfc7662::{self, Rfc7662};
use introspectd_simulators::{Answer, Fault, Simulator};
use introspectd_tests::{EDGE_SECRET, Gateway, OPS_SECRET, Reply, basic, now};
use serde_json::Value;

/// Gateway before one provider that is configured as an operator would.
struct House {
    server: Simulator<Rfc7662>,
    gateway: Gateway,
}

impl House {
    async fn new(lines: &str, sections: &str) -> Self {
        let server = Simulator::start(Rfc7662::new(now())).await.unwrap();
        let base_url = server.base_url();
        let (id, secret) = (rfc7662::CLIENT_ID, rfc7662::CLIENT_SECRET);
        let gateway = Gateway::start(&format!(
            "[routing]\nunmatched = \"sso\"\n{sections}\n[providers.sso]\nkind = \"rfc7662\"\n\
             introspection_endpoint = \"{base_url}/introspect\"\n\
             revocation_endpoint = \"{base_url}/revoke\"\n\
             credentials = {{ type = \"client_secret_basic\", client_id = \"{id}\", \
             client_secret = {{ literal = \"{secret}\" }} }}\n{lines}"
        ))
        .await;
        Self { server, gateway }
    }

    async fn ask(&self, token: &str) -> Reply {
        self.gateway.post_introspect(&[("token", token)]).await
    }

    async fn decide(&self, token: &str) -> Reply {
        let request = Request::get(format!("http://{}/forward-auth", self.gateway.api()))
            .header("x-introspectd-caller", basic("edge", EDGE_SECRET))
            .header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Full::default()).unwrap();
        self.gateway.send(request).await
    }

    async fn status(&self) -> Value {
        let request = Request::get(format!("http://{}/v1/providers", self.gateway.api()))
            .header(AUTHORIZATION, basic("ops", OPS_SECRET));
        let request = request.body(Full::default()).unwrap();
        self.gateway.send(request).await.json()["providers"][0].clone()
    }

    /// Lets the provider fail until its breaker opens.
    async fn break_down(&self) {
        self.server.always(Fault::Answer(Answer::html(503)));
        for number in 0..4 {
            let reply = self.ask(&format!("b_{number}")).await;
            assert_eq!(reply.status, 503);
        }
        self.server.forget();
    }
}

const BREAKER: &str = "breaker = { min_requests = 4, open_for = \"30s\" }\nretry = \"off\"";

#[tokio::test]
async fn open_breaker_is_503_with_what_is_left_for_every_caller() {
    let house = House::new(BREAKER, "").await;
    house.break_down().await;
    house.gateway.clock().advance(10);
    for reply in [
        house.ask(rfc7662::ACTIVE).await,
        house.decide(rfc7662::ACTIVE).await,
    ] {
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("retry-after"), Some("20"));
    }
    let reply = house.ask(rfc7662::ACTIVE).await;
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
    assert_eq!(house.server.count(), 0);
    let status = house.status().await;
    assert_eq!(status["health"], "open");
    // The failure that opened it, and not the breaker's own.
    let reason = "the provider answered with status 503";
    assert_eq!(status["last_error"]["reason"], reason);
    house.server.clear();
    house.gateway.clock().advance(20);
    assert_eq!(house.ask(rfc7662::ACTIVE).await.status, 200);
    assert_eq!(house.status().await["health"], "good");
}

#[tokio::test]
async fn stale_fact_stands_in_at_once_while_the_provider_is_not_asked() {
    let times = "[cache]\nttl = \"5s\"\nstale_if_error = \"1h\"";
    let house = House::new(BREAKER, times).await;
    assert_eq!(house.ask(rfc7662::ACTIVE).await.status, 200);
    house.break_down().await;
    house.gateway.clock().advance(10);
    for _ in 0..3 {
        let stale = house.ask(rfc7662::ACTIVE).await;
        assert_eq!((stale.status, stale.cache()), (200, Some("stale")));
        assert_eq!(stale.json()["active"], true);
    }
    assert_eq!(house.decide(rfc7662::ACTIVE).await.status, 200);
    assert_eq!(house.server.count(), 0);
}

#[tokio::test]
async fn provider_that_names_a_time_is_not_asked_until_then() {
    let house = House::new("", "").await;
    house
        .server
        .next(Fault::Answer(Answer::retry_after(429, 7)));
    let told = house.ask(rfc7662::ACTIVE).await;
    assert_eq!((told.status, told.header("retry-after")), (503, Some("7")));
    house.gateway.clock().advance(2);
    let spared = house.ask(rfc7662::ACTIVE).await;
    assert_eq!(
        (spared.status, spared.header("retry-after")),
        (503, Some("5"))
    );
    assert_eq!(house.status().await["health"], "open");
    assert_eq!(house.server.count(), 1);
    house.gateway.clock().advance(5);
    assert_eq!(house.ask(rfc7662::ACTIVE).await.status, 200);
}

#[tokio::test]
async fn failure_of_a_moment_is_invisible_by_default() {
    let house = House::new("", "").await;
    for fault in [Fault::HangUp, Fault::Answer(Answer::html(502))] {
        house.server.next(fault);
        let reply = house.ask(rfc7662::ACTIVE).await;
        assert_eq!(reply.status, 200);
        house.gateway.clock().advance(100);
    }
    assert_eq!(house.server.count(), 4);
}

#[tokio::test]
async fn revocation_is_sent_once_whatever_becomes_of_it() {
    let house = House::new("", "").await;
    house.server.next(Fault::Answer(Answer::html(503)));
    let request = Request::post(format!("http://{}/revoke", house.gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(format!("token={}", rfc7662::ACTIVE)));
    let reply = house.gateway.send(request.unwrap()).await;
    assert_eq!((reply.status, house.server.count()), (503, 1));
    assert_eq!(house.status().await["health"], "failing");
}

#[tokio::test]
async fn times_of_a_provider_win_over_those_of_the_cache() {
    let times = "cache = { ttl = \"10s\" }";
    let house = House::new(times, "[cache]\nttl = \"1h\"\ninactive_ttl = \"1h\"").await;
    for (token, reused) in [(rfc7662::ACTIVE, "miss"), ("b_made-up", "hit")] {
        let first = house.ask(token).await;
        assert_eq!(first.cache(), Some("miss"));
        house.gateway.clock().advance(8);
        assert_eq!(house.ask(token).await.cache(), Some("hit"));
        house.gateway.clock().advance(2);
        assert_eq!(house.ask(token).await.cache(), Some(reused), "{token}");
    }
}
