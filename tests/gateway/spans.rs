//! Spans of requests, as a collector gets them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_core::SystemClock;
use introspectd_core::trace::{Kind, Span as OurSpan, Tracer};
use introspectd_otlp::Exporter;
use introspectd_simulators::{Answer, Fault, Recorded, Simulator, passport};
use introspectd_tests::{
    Collector, EDGE_SECRET, Fixture, Gateway, OPS_SECRET, Passport, Reply, Room, TibcoAsg,
    attribute, basic, now,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

async fn room(collector: &Collector, sample: f64) -> Room<TibcoAsg> {
    Room::open_with("timeout = \"60s\"", &collector.section(sample)).await
}

async fn introspect(room: &Room<TibcoAsg>, trace: Option<&str>) -> Reply {
    let request = Request::post(format!("http://{}/introspect", room.gateway.api()))
        .header(AUTHORIZATION, basic("edge", EDGE_SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = trace.into_iter().fold(request, |request, trace| {
        request.header("traceparent", trace)
    });
    let form = Full::from(format!("token={}", TibcoAsg::ACTIVE));
    room.gateway.send(request.body(form).unwrap()).await
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let [only] = named(spans, name)[..] else {
        panic!("{name}: {spans:#?}");
    };
    only
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traceparents(requests: &[Recorded]) -> Vec<String> {
    let trace = |request: &Recorded| request.header("traceparent").unwrap_or("none").to_owned();
    requests.iter().map(trace).collect()
}

#[tokio::test]
async fn parts_of_a_request_are_spans_below_it_and_the_provider_gets_the_innermost() {
    let collector = Collector::start().await;
    let room = room(&collector, 0.0).await;
    assert_eq!(introspect(&room, Some(SAMPLED)).await.status, 200);
    let spans = collector.spans(4).await;
    let [request, cache, ask, attempt] =
        ["introspect", "cache", "ask", "try"].map(|name| only(&spans, name));
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    for (span, parent) in [(cache, request), (ask, cache), (attempt, ask)] {
        assert_eq!(span.parent_span_id, parent.span_id, "{}", span.name);
        assert!(span.start_time_unix_nano >= parent.start_time_unix_nano);
    }
    for span in &spans {
        assert_eq!(hex(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let attributes = [
        (request, "introspectd.caller", "edge"),
        (request, "introspectd.outcome", "active"),
        (request, "introspectd.cache", "miss"),
        (cache, "introspectd.provider", TibcoAsg::PROVIDER),
        (cache, "introspectd.cache.result", "absent"),
        (ask, "introspectd.operation", "introspect"),
        (ask, "introspectd.outcome", "ok"),
        (attempt, "http.request.method", "GET"),
        (attempt, "http.response.status_code", "200"),
        (attempt, "server.address", "127.0.0.1"),
    ];
    for (span, name, value) in attributes {
        assert_eq!(attribute(span, name), value, "{} {name}", span.name);
    }
    let handed_on = format!("00-{}-{}-01", hex(&attempt.trace_id), hex(&attempt.span_id));
    assert_eq!(traceparents(&room.server.requests()), [handed_on]);
}

#[tokio::test]
async fn hit_has_a_span_and_one_of_the_cache() {
    let collector = Collector::start().await;
    let room = room(&collector, 0.0).await;
    introspect(&room, None).await;
    introspect(&room, Some(SAMPLED)).await;
    let spans = collector.spans(2).await;
    assert_eq!(spans.len(), 2, "the miss was not sampled");
    let (request, cache) = (only(&spans, "introspect"), only(&spans, "cache"));
    assert_eq!(attribute(request, "introspectd.cache"), "hit");
    assert_eq!(attribute(cache, "introspectd.cache.result"), "hit");
    assert_eq!(cache.parent_span_id, request.span_id);
}

#[tokio::test]
async fn decision_of_a_caller_holds_and_sample_is_for_the_others() {
    let collector = Collector::start().await;
    let room = room(&collector, 1.0).await;
    introspect(&room, Some(UNSAMPLED)).await;
    assert_eq!(traceparents(&room.server.requests()), [UNSAMPLED]);
    // As if there was none.
    introspect(&room, Some("00-zz")).await;
    introspect(&room, None).await;
    let spans = collector.spans(4).await;
    let requests = named(&spans, "introspect");
    assert_eq!((requests.len(), spans.len()), (2, 4));
    assert!(requests.iter().all(|span| span.parent_span_id.is_empty()));
    assert_ne!(requests[0].trace_id, requests[1].trace_id);

    let none = Collector::start().await;
    let room = self::room(&none, 0.0).await;
    introspect(&room, None).await;
    assert_eq!(traceparents(&room.server.requests()), ["none"]);
    assert!(room.gateway.stop().await);
    assert_eq!(none.so_far(), []);
}

#[tokio::test]
async fn each_try_has_a_span_of_its_own() {
    let collector = Collector::start().await;
    let server = Simulator::start(TibcoAsg::server(now())).await.unwrap();
    let section = TibcoAsg::section(&server.base_url()).replace("retry = \"off\"", "");
    let trace = collector.section(1.0);
    let provider =
        format!("{trace}[routing]\nunmatched = \"legacy\"\n[providers.legacy]\n{section}");
    let gateway = Gateway::start(&provider).await;
    server.next(Fault::Answer(Answer::empty(503)));
    let reply = gateway
        .post_introspect(&TibcoAsg::form(TibcoAsg::ACTIVE))
        .await;
    assert_eq!(reply.status, 200);
    let spans = collector.spans(5).await;
    let tries = named(&spans, "try");
    let [first, second] = tries[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(first.parent_span_id, second.parent_span_id);
    assert_eq!(attribute(first, "error.type"), "server_error");
    assert_eq!(attribute(first, "http.response.status_code"), "503");
    assert!(first.status.is_some() && second.status.is_none());
    assert_eq!(attribute(second, "http.request.resend_count"), "1");
    assert_eq!(attribute(only(&spans, "ask"), "introspectd.outcome"), "ok");
    let sent = traceparents(&server.requests());
    let of = |span: &Span| format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
    assert_eq!(sent, [of(first), of(second)]);
}

/// The first request of all waits for the credential, and no later one does.
#[tokio::test]
async fn wait_for_a_credential_is_a_span_of_the_try_that_waits() {
    let collector = Collector::start().await;
    let server = Simulator::start(Passport::server(now())).await.unwrap();
    let section = Passport::section_with_grant(&server.base_url());
    let trace = collector.section(1.0);
    let provider = format!("{trace}\n[providers.bank]\n{section}timeout = \"60s\"\n");
    let gateway = Gateway::start(&provider).await;
    gateway
        .post_introspect(&Passport::form(passport::ACTIVE))
        .await;
    let spans = collector.spans(5).await;
    let (credential, attempt) = (only(&spans, "credential"), only(&spans, "try"));
    assert_eq!(credential.parent_span_id, attempt.span_id);
    gateway
        .post_introspect(&Passport::form(passport::READER))
        .await;
    let spans = collector.spans(9).await;
    assert_eq!(named(&spans, "credential").len(), 1);
}

#[tokio::test]
async fn operators_and_refused_requests_have_spans_and_no_span_has_a_secret() {
    let collector = Collector::start().await;
    let room = room(&collector, 1.0).await;
    introspect(&room, None).await;
    room.revoke(TibcoAsg::ACTIVE).await;
    let stranger = Request::post(format!("http://{}/introspect", room.gateway.api()))
        .header(AUTHORIZATION, basic("edge", "a-wrong-secret"))
        .body(Full::from(format!("token={}", TibcoAsg::ACTIVE)))
        .unwrap();
    room.gateway.send(stranger).await;
    assert!(room.gateway.stop().await);
    let spans = collector.so_far();
    let revoke = only(&spans, "revoke");
    assert_eq!(attribute(revoke, "introspectd.caller"), "ops");
    let asks = named(&spans, "ask");
    let of_revocation = asks.iter().find(|it| it.parent_span_id == revoke.span_id);
    assert_eq!(
        attribute(of_revocation.unwrap(), "introspectd.operation"),
        "revoke"
    );
    let outcome = |span: &&Span| attribute(span, "introspectd.outcome");
    let outcomes: Vec<_> = named(&spans, "introspect").iter().map(outcome).collect();
    assert_eq!(outcomes, ["active", "unauthenticated"]);
    let bytes = collector.bytes();
    let text = String::from_utf8_lossy(&bytes);
    for secret in [TibcoAsg::ACTIVE, EDGE_SECRET, OPS_SECRET, "a-wrong-secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Neither a collector that refuses, nor one that accepts and is silent.
#[tokio::test]
async fn dead_collector_keeps_no_answer_and_no_shutdown() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [&silent, &refused].map(|it| it.local_addr().unwrap());
    drop(refused);
    for address in addresses {
        let trace = format!("[trace]\notlp = \"http://{address}\"\nsample = 1.0\n");
        let room = Room::<TibcoAsg>::open_with("timeout = \"60s\"", &trace).await;
        for _ in 0..3 {
            assert_eq!(introspect(&room, None).await.status, 200);
        }
        let began = Instant::now();
        assert!(room.gateway.stop().await);
        assert!(began.elapsed() < Duration::from_secs(8), "{address}");
    }
}

#[tokio::test]
async fn spans_that_a_silent_collector_does_not_take_are_bounded_and_counted() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let exporter = exporter(silent.local_addr().unwrap());
    let tracer = Tracer::new(Arc::new(exporter.clone()), 1.0);
    // Those that wait, and those of the batch that is on its way.
    let most = 4096 + 512;
    for _ in 0..3 * most {
        drop(tracer.begin(None, "introspect", Duration::ZERO));
    }
    assert!(exporter.lost() >= 2 * most, "{}", exporter.lost());
    let began = Instant::now();
    exporter.flush().await;
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn spans_that_are_lost_stand_once_in_the_count() {
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = refused.local_addr().unwrap();
    drop(refused);
    let exporter = exporter(address);
    let tracer = Tracer::new(Arc::new(exporter.clone()), 1.0);
    let request = tracer.begin(None, "introspect", Duration::ZERO).unwrap();
    drop(OurSpan::start(request.trace(), "cache", Kind::Internal));
    drop(request);
    exporter.flush().await;
    assert_eq!(exporter.lost(), 2);
}

fn exporter(address: SocketAddr) -> Exporter {
    let collector = format!("http://{address}").parse().unwrap();
    Exporter::start(collector, Arc::new(SystemClock::default())).unwrap()
}
