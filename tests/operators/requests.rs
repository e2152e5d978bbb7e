//! Requests are counted once each, by endpoint, outcome and caller.

use std::collections::HashMap;

use bytes::Bytes;
use envoy_types::ext_authz::v3::pb::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use futures_util::future::join_all;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_server::ListenAddress;
use introspectd_simulators::rfc7662::{ACTIVE, EXPIRED, UNKNOWN};
use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{EDGE_SECRET, Gateway, OPS_SECRET, Rfc7662, Room, basic, form_body};
use serde_json::json;
use tonic::transport::{Channel, Endpoint};

use crate::scrape::Scrape;

const POLICIES: &str = "[policies.orders]\nscope = [\"read\"]\n[policies.none]\nrole = [\"king\"]";

pub(crate) struct Counts<'a> {
    gateway: &'a Gateway,
    before: HashMap<String, f64>,
}

impl<'a> Counts<'a> {
    pub(crate) async fn of(gateway: &'a Gateway) -> Self {
        let before = Self::all(gateway).await;
        Self { gateway, before }
    }

    async fn all(gateway: &Gateway) -> HashMap<String, f64> {
        let scrape = Scrape::of(gateway).await;
        let nonzero = scrape.nonzero("introspectd_requests_total");
        nonzero
            .into_iter()
            .map(|(series, value)| (series.to_owned(), value))
            .collect()
    }

    /// Asserts that one request was counted since the last call, and as what.
    pub(crate) async fn one(&mut self, endpoint: &str, outcome: &str, caller: &str) {
        let now = Self::all(self.gateway).await;
        let mut grown: Vec<_> = now
            .iter()
            .filter(|(series, value)| self.before.get(*series) != Some(value))
            .map(|(series, value)| {
                let before = self.before.get(series).copied().unwrap_or_default();
                (series.clone(), value - before)
            })
            .collect();
        grown.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = format!(
            "introspectd_requests_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\",\
             caller=\"{caller}\"}}"
        );
        assert_eq!(grown, [(expected, 1.0)]);
        self.before = now;
    }
}

pub(crate) async fn send(
    gateway: &Gateway,
    who: Option<(&str, &str)>,
    method: &str,
    path: &str,
    content_type: &str,
    body: &str,
) -> u16 {
    let header = if path.starts_with("/forward-auth") {
        "x-introspectd-caller"
    } else {
        "authorization"
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", gateway.api()))
        .header(CONTENT_TYPE, content_type);
    if let Some((name, secret)) = who {
        request = request.header(header, basic(name, secret));
    }
    if header == "x-introspectd-caller" {
        request = request.header(AUTHORIZATION, format!("Bearer {body}"));
    }
    let body = if header == "x-introspectd-caller" {
        ""
    } else {
        body
    };
    gateway
        .send(request.body(Full::from(body.to_owned())).unwrap())
        .await
        .status
}

/// Caller, method, path, content type and body; endpoint and outcome.
type Case<'a> = (
    Option<(&'a str, &'a str)>,
    &'a str,
    &'a str,
    &'a str,
    String,
    &'a str,
    &'a str,
);

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";
pub(crate) const EDGE: Option<(&str, &str)> = Some(("edge", EDGE_SECRET));
pub(crate) const OPS: Option<(&str, &str)> = Some(("ops", OPS_SECRET));

#[tokio::test]
async fn each_request_is_counted_once_by_endpoint_outcome_and_caller() {
    let room = Room::<Rfc7662>::open_with("timeout = \"60s\"", POLICIES).await;
    let gateway = &room.gateway;
    let mut counts = Counts::of(gateway).await;
    assert!(counts.before.is_empty(), "{:?}", counts.before);
    let token = |token: &str| form_body(&[("token", token)]);
    let cases: &[Case<'_>] = &[
        (
            EDGE,
            "POST",
            "/introspect",
            FORM,
            token(ACTIVE),
            "introspect",
            "active",
        ),
        (
            EDGE,
            "POST",
            "/introspect",
            FORM,
            token(ACTIVE),
            "introspect",
            "active",
        ),
        (
            EDGE,
            "POST",
            "/introspect",
            FORM,
            token(UNKNOWN),
            "introspect",
            "inactive",
        ),
        (
            EDGE,
            "POST",
            "/introspect",
            FORM,
            token(EXPIRED),
            "introspect",
            "inactive",
        ),
        (
            EDGE,
            "POST",
            "/introspect",
            FORM,
            String::new(),
            "introspect",
            "invalid_request",
        ),
        (
            EDGE,
            "POST",
            "/introspect",
            JSON,
            "{}".to_owned(),
            "introspect",
            "invalid_request",
        ),
        (
            None,
            "POST",
            "/introspect",
            FORM,
            token(ACTIVE),
            "introspect",
            "unauthenticated",
        ),
        (
            OPS,
            "POST",
            "/introspect",
            FORM,
            token(ACTIVE),
            "introspect",
            "forbidden",
        ),
        (
            EDGE,
            "GET",
            "/forward-auth/orders",
            FORM,
            ACTIVE.to_owned(),
            "forward_auth",
            "allowed",
        ),
        (
            EDGE,
            "GET",
            "/forward-auth/orders",
            FORM,
            UNKNOWN.to_owned(),
            "forward_auth",
            "denied",
        ),
        (
            EDGE,
            "GET",
            "/forward-auth/none",
            FORM,
            ACTIVE.to_owned(),
            "forward_auth",
            "denied",
        ),
        (
            EDGE,
            "GET",
            "/forward-auth/nix",
            FORM,
            ACTIVE.to_owned(),
            "forward_auth",
            "not_found",
        ),
        (
            None,
            "GET",
            "/forward-auth",
            FORM,
            ACTIVE.to_owned(),
            "forward_auth",
            "unauthenticated",
        ),
        (
            OPS,
            "GET",
            "/forward-auth",
            FORM,
            ACTIVE.to_owned(),
            "forward_auth",
            "forbidden",
        ),
        (OPS, "POST", "/revoke", FORM, token(UNKNOWN), "revoke", "ok"),
        (
            EDGE,
            "POST",
            "/revoke",
            FORM,
            token(UNKNOWN),
            "revoke",
            "forbidden",
        ),
        (
            OPS,
            "GET",
            "/v1/tokens?page_size=0",
            FORM,
            String::new(),
            "tokens",
            "invalid_request",
        ),
        (
            OPS,
            "GET",
            "/v1/tokens?provider=sso",
            FORM,
            String::new(),
            "tokens",
            "unsupported",
        ),
        (
            OPS,
            "GET",
            "/v1/providers/sso/tokens/1",
            FORM,
            String::new(),
            "record",
            "unsupported",
        ),
        (
            OPS,
            "DELETE",
            "/v1/providers/nix/tokens/1",
            FORM,
            String::new(),
            "record",
            "not_found",
        ),
        (
            OPS,
            "POST",
            "/v1/cache/purge",
            JSON,
            "{\"all\":true}".to_owned(),
            "purge",
            "ok",
        ),
        (
            OPS,
            "POST",
            "/v1/explain",
            FORM,
            token(ACTIVE),
            "explain",
            "ok",
        ),
        (
            OPS,
            "PUT",
            "/v1/providers/sso/bindings",
            JSON,
            "{}".to_owned(),
            "bindings",
            "invalid_request",
        ),
        (
            OPS,
            "POST",
            "/v1/providers/sso/tokens",
            JSON,
            "{}".to_owned(),
            "issue",
            "unsupported",
        ),
        (
            EDGE,
            "GET",
            "/v1/providers",
            FORM,
            String::new(),
            "providers",
            "ok",
        ),
        (
            None,
            "GET",
            "/v1/providers",
            FORM,
            String::new(),
            "providers",
            "unauthenticated",
        ),
        (
            None,
            "GET",
            "/openapi.json",
            FORM,
            String::new(),
            "other",
            "ok",
        ),
        (
            None,
            "GET",
            "/nothing",
            FORM,
            String::new(),
            "other",
            "not_found",
        ),
        (
            EDGE,
            "GET",
            "/introspect",
            FORM,
            String::new(),
            "other",
            "invalid_request",
        ),
    ];
    for (who, method, path, content_type, body, endpoint, outcome) in cases {
        let status = send(gateway, *who, method, path, content_type, body).await;
        let caller = match *outcome {
            "unauthenticated" => "",
            // Documents are for anyone.
            _ if *path == "/openapi.json" => "",
            _ => who.map_or("", |(name, _)| name),
        };
        println!("{method} {path} as {caller:?}: {status}");
        counts.one(endpoint, outcome, caller).await;
    }
}

/// Answer of a provider that is out of order.
pub(crate) fn down() -> Answer {
    Answer::json(503, json!({"error": "temporarily_unavailable"}))
}

#[tokio::test]
async fn provider_that_fails_is_an_outcome_of_its_own() {
    let room = Room::<Rfc7662>::open_with("timeout = \"2s\"", "").await;
    let mut counts = Counts::of(&room.gateway).await;
    let not_json = || Answer::json(200, json!([1]));
    for (fault, outcome) in [
        (Fault::Answer(down()), "unavailable"),
        (Fault::Hang, "timeout"),
        (Fault::Answer(not_json()), "upstream_error"),
    ] {
        room.server.next(fault);
        room.ask(ACTIVE).await;
        counts.one("introspect", outcome, "edge").await;
    }
}

/// Connects to the port for Envoy.
pub(crate) async fn grpc(gateway: &Gateway) -> Channel {
    let Some(ListenAddress::Tcp(address)) = gateway.grpc().first() else {
        panic!("not on TCP")
    };
    let endpoint = Endpoint::try_from(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// `Check` of Envoy's protocol, as the caller with this secret.
pub(crate) async fn check(channel: &Channel, secret: Option<&str>) {
    let mut request = tonic::Request::new(CheckRequest::default());
    if let Some(secret) = secret {
        let shown = format!("Bearer {secret}").parse().unwrap();
        let metadata = request.metadata_mut();
        metadata.insert("x-introspectd-caller", shown);
    }
    let mut authorization = AuthorizationClient::new(channel.clone());
    authorization.check(request).await.unwrap();
}

#[tokio::test]
async fn grpc_is_counted_as_ext_authz_and_health_as_other() {
    let toml = "[listen]\napi = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\n\
                grpc = [\"127.0.0.1:0\"]\n\
                [callers.edge]\nsecret = { literal = \"edge-secret-0f6b1f0d3c\" }";
    let gateway = Gateway::start_bare(toml).await;
    let channel = grpc(&gateway).await;
    let mut counts = Counts::of(&gateway).await;
    check(&channel, None).await;
    counts.one("ext_authz", "unauthenticated", "").await;
    check(&channel, Some(EDGE_SECRET)).await;
    counts.one("ext_authz", "denied", "edge").await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let question = tonic_health::pb::HealthCheckRequest::default();
    health.check(question).await.unwrap();
    counts.one("other", "ok", "").await;
}

#[tokio::test]
async fn durations_are_told_apart_by_use_of_the_cache() {
    let stale = "[cache]\nstale_if_error = \"1h\"";
    let room = Room::<Rfc7662>::open_with("timeout = \"60s\"", stale).await;
    let of = |endpoint: &str, cache: &str| {
        format!(
            "introspectd_request_duration_seconds_count{{endpoint=\"{endpoint}\",\
             cache=\"{cache}\"}}"
        )
    };
    for _ in 0..3 {
        room.ask(ACTIVE).await;
    }
    room.gateway.clock().advance(61);
    room.server.next(Fault::Answer(down()));
    room.ask(ACTIVE).await;
    room.gateway
        .send(
            Request::get(format!("http://{}/openapi.json", room.gateway.api()))
                .body(Full::<Bytes>::default())
                .unwrap(),
        )
        .await;
    let scrape = Scrape::of(&room.gateway).await;
    assert_eq!(scrape.value(&of("introspect", "miss")), 1.0);
    assert_eq!(scrape.value(&of("introspect", "hit")), 2.0);
    assert_eq!(scrape.value(&of("introspect", "stale")), 1.0);
    assert_eq!(scrape.value(&of("other", "none")), 1.0);
    assert_eq!(
        scrape
            .nonzero("introspectd_request_duration_seconds_count")
            .len(),
        4
    );
    // The clock stands still: all of them took no time.
    let bucket = "introspectd_request_duration_seconds_bucket{endpoint=\"introspect\",\
                  cache=\"hit\",le=\"0.0001\"}";
    assert_eq!(scrape.value(bucket), 2.0, "{}", scrape.text);
}

#[tokio::test]
async fn requests_in_flight_are_those_that_wait_for_a_reply() {
    let room = Room::<Rfc7662>::open().await;
    let gate = room.server.gate();
    let before = room.gateway.clock().looks();
    let asking = join_all((0..3).map(|_| room.ask(ACTIVE)));
    let watching = async {
        room.gateway.clock().looked_at(before + 6).await;
        let scrape = Scrape::of(&room.gateway).await;
        gate.open();
        scrape.value("introspectd_requests_in_flight")
    };
    let (_, in_flight) = futures_util::future::join(asking, watching).await;
    assert_eq!(in_flight, 3.0);
    let scrape = Scrape::of(&room.gateway).await;
    assert_eq!(scrape.value("introspectd_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn requests_on_the_admin_listener_are_not_counted() {
    let room = Room::<Rfc7662>::open().await;
    for path in ["/livez", "/readyz", "/metrics", "/nothing"] {
        crate::scrape::get(&room.gateway, path, None).await;
    }
    let scrape = Scrape::of(&room.gateway).await;
    assert_eq!(scrape.nonzero("introspectd_requests_total").len(), 0);
}
