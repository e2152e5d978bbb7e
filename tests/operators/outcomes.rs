//! Requests that are refused before anything is read, at each endpoint; records, and the audit log.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::rfc7662::{ACTIVE, Rfc7662};
use introspectd_simulators::{Answer, Fault, Simulator, passport};
use introspectd_tests::{Gateway, OPS_SECRET, Passport, Room, basic, now};
use serde_json::{Value, json};

use crate::house::{House, provider};
use crate::listeners::until;
use crate::requests::{Counts, EDGE, FORM, JSON, OPS, check, grpc, send};
use crate::scrape::Scrape;

/// Method, path and name of each endpoint over HTTP, but of documents and unknown paths.
const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("POST", "/introspect", "introspect"),
    ("GET", "/forward-auth", "forward_auth"),
    ("POST", "/revoke", "revoke"),
    ("GET", "/v1/tokens", "tokens"),
    ("GET", "/v1/providers/sso/tokens/1", "record"),
    ("DELETE", "/v1/providers/sso/tokens/1", "record"),
    ("POST", "/v1/cache/purge", "purge"),
    ("POST", "/v1/explain", "explain"),
    ("PUT", "/v1/providers/sso/bindings", "bindings"),
    ("POST", "/v1/providers/sso/tokens", "issue"),
    ("GET", "/v1/providers", "providers"),
];

/// A caller with every permission and one request an hour.
const SLOW: Option<(&str, &str)> = Some(("slow", "slow-secret-2f61c0"));

/// Gateway that listens for gRPC, too, with these lines in that caller's section and in `[limits]`.
async fn gateway(server: &Simulator<Rfc7662>, caller: &str, limits: &str) -> Gateway {
    let provider = provider(server, "timeout = \"60s\"");
    Gateway::start_bare(&format!(
        "[listen]\napi = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\ngrpc = [\"127.0.0.1:0\"]\n\
         [limits]\n{limits}\n[callers.slow]\nsecret = {{ literal = \"slow-secret-2f61c0\" }}\n\
         permissions = [\"introspect\", \"lookup\", \"list\", \"revoke\", \"purge\", \"explain\", \
         \"bind\", \"issue\"]\n{caller}\n{provider}"
    ))
    .await
}

/// `Check` of Envoy's protocol, as the slow caller.
async fn check_slowly(gateway: &Gateway) {
    check(&grpc(gateway).await, SLOW.map(|(_, secret)| secret)).await;
}

#[tokio::test]
async fn request_over_the_rate_is_counted_at_each_endpoint() {
    let server = Simulator::start(Rfc7662::new(now())).await.unwrap();
    let gateway = gateway(&server, "rate = \"1/h\"\nburst = 1", "").await;
    let mut counts = Counts::of(&gateway).await;
    let status = send(&gateway, SLOW, "GET", "/v1/providers", FORM, "").await;
    assert_eq!(status, 200);
    counts.one("providers", "ok", "slow").await;
    for (method, path, endpoint) in ENDPOINTS {
        let status = send(&gateway, SLOW, method, path, FORM, ACTIVE).await;
        assert_eq!(status, 429, "{method} {path}");
        counts.one(endpoint, "rate_limited", "slow").await;
    }
    check_slowly(&gateway).await;
    counts.one("ext_authz", "rate_limited", "slow").await;
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn request_over_the_limit_is_counted_at_each_endpoint() {
    let server = Simulator::start(Rfc7662::new(now())).await.unwrap();
    let gateway = gateway(&server, "", "requests = 1").await;
    let gate = server.gate();
    let held = async {
        let form = format!("token={ACTIVE}");
        send(&gateway, SLOW, "POST", "/introspect", FORM, &form).await
    };
    let others = async {
        gate.arrived(1).await;
        let mut counts = Counts::of(&gateway).await;
        let other = ("GET", "/nothing", "other");
        for (method, path, endpoint) in ENDPOINTS.iter().chain([&other]) {
            let status = send(&gateway, SLOW, method, path, FORM, ACTIVE).await;
            assert_eq!(status, 503, "{method} {path}");
            counts.one(endpoint, "shed", "").await;
        }
        check_slowly(&gateway).await;
        counts.one("ext_authz", "shed", "").await;
        gate.open();
    };
    let (held, ()) = futures_util::future::join(held, others).await;
    assert_eq!((held, server.count()), (200, 1));
}

/// Request for a token of the bank's.
fn order() -> Value {
    json!({"client_id": passport::CLIENT_ID, "client_secret": passport::CLIENT_SECRET,
        "grant_type": "client_credentials"})
}

#[tokio::test]
async fn records_bindings_and_issuance_are_counted_by_outcome() {
    let room = Room::<Passport>::open().await;
    let gateway = &room.gateway;
    let mut counts = Counts::of(gateway).await;
    let record = |id: &str| format!("/v1/providers/bank/tokens/{id}");
    let pair = |id: &str| json!({"token": "a-token", "token_id": id}).to_string();
    let order = order();
    let (active, reader) = (record(passport::ACTIVE), record(passport::READER));
    let unknown = record(passport::UNKNOWN);
    for (method, path, body, endpoint, outcome) in [
        ("GET", &*active, String::new(), "record", "ok"),
        ("GET", &*unknown, String::new(), "record", "not_found"),
        ("DELETE", &*reader, String::new(), "record", "ok"),
        ("GET", "/v1/tokens", String::new(), "tokens", "ok"),
        (
            "PUT",
            "/v1/providers/bank/bindings",
            pair(passport::ACTIVE),
            "bindings",
            "ok",
        ),
        (
            "PUT",
            "/v1/providers/bank/bindings",
            pair(passport::UNKNOWN),
            "bindings",
            "not_found",
        ),
        (
            "POST",
            "/v1/providers/bank/tokens",
            order.to_string(),
            "issue",
            "ok",
        ),
        (
            "POST",
            "/v1/cache/purge",
            String::new(),
            "purge",
            "invalid_request",
        ),
    ] {
        let status = send(gateway, OPS, method, path, JSON, &body).await;
        println!("{method} {path}: {status}");
        counts.one(endpoint, outcome, "ops").await;
    }
    for (answer, outcome) in [
        (Answer::html(503), "unavailable"),
        (Answer::html(500), "upstream_error"),
    ] {
        for (method, path, endpoint) in [
            ("GET", &*active, "record"),
            ("DELETE", &*active, "record"),
            ("POST", "/v1/providers/bank/tokens", "issue"),
        ] {
            // What was looked up before is cached.
            gateway.clock().advance(100);
            room.server.next(Fault::Answer(answer.clone()));
            send(gateway, OPS, method, path, JSON, &order.to_string()).await;
            counts.one(endpoint, outcome, "ops").await;
        }
    }
}

#[tokio::test]
async fn decision_that_no_provider_answers_is_counted_by_its_reason() {
    let lines = "retry = \"off\"\nbreaker = \"off\"\ntimeout = \"2s\"";
    let house = House::new(lines, "").await;
    let mut counts = Counts::of(&house.gateway).await;
    for (fault, outcome) in [
        (Fault::Answer(Answer::html(503)), "unavailable"),
        (Fault::Answer(Answer::html(200)), "upstream_error"),
        (Fault::Hang, "timeout"),
    ] {
        house.server.next(fault);
        send(&house.gateway, EDGE, "GET", "/forward-auth", FORM, ACTIVE).await;
        counts.one("forward_auth", outcome, "edge").await;
    }
}

#[tokio::test]
async fn purged_entries_that_were_not_freed_yet_are_told_from_absent_ones() {
    let room = Room::<Passport>::open().await;
    let gateway = &room.gateway;
    // The sweeper, a thread of its own, frees them within a second.
    for _ in 0..100 {
        let request = Request::post(format!("http://{}/v1/providers/bank/tokens", gateway.api()))
            .header(AUTHORIZATION, basic("ops", OPS_SECRET))
            .header(CONTENT_TYPE, JSON)
            .body(Full::from(order().to_string()));
        let issued = gateway.send(request.unwrap()).await.json();
        let (token, id) = (&issued["access_token"], &issued["token_id"]);
        let form = [("token", token.as_str().unwrap())];
        gateway.post_introspect(&form).await;
        let record = format!("/v1/providers/bank/tokens/{}", id.as_str().unwrap());
        send(gateway, OPS, "DELETE", &record, JSON, "").await;
        gateway.post_introspect(&form).await;
    }
    let purged = "introspectd_cache_lookups_total{provider=\"bank\",result=\"purged\"}";
    assert!(Scrape::of(gateway).await.value(purged) > 0.0);
}

#[tokio::test]
async fn lines_of_the_audit_log_are_written_or_lost() {
    let folder = tempfile::tempdir().unwrap();
    for (path, outcome) in [
        (folder.path().join("audit.log"), "written"),
        ("/dev/full".into(), "lost"),
    ] {
        let house = House::new("", &format!("[audit]\nto = {path:?}")).await;
        for number in 0..3 {
            let form = format!("token=t{number}");
            send(&house.gateway, OPS, "POST", "/introspect", FORM, &form).await;
        }
        let series = format!("introspectd_audit_lines_total{{outcome=\"{outcome}\"}}");
        until(&house.gateway, &series, 3.0).await;
        let counted = Scrape::of(&house.gateway).await;
        let counted = counted.nonzero("introspectd_audit_lines_total");
        assert_eq!(counted, [(series.as_str(), 3.0)].into());
    }
}

#[tokio::test]
async fn build_has_its_version() {
    let gateway = Gateway::start("").await;
    let scrape = Scrape::of(&gateway).await;
    let builds = scrape.nonzero("introspectd_build_info");
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(builds.keys().all(|build| build.contains(&version)));
    assert_eq!(builds.values().collect::<Vec<_>>(), [&1.0]);
}
