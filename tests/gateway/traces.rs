//! `traceparent` of callers, on its way to providers.

use std::sync::Arc;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Builder;
use http_body_util::Full;
use introspectd_simulators::Recorded;
use introspectd_tests::{EDGE_SECRET, Fixture, OPS_SECRET, Room, TibcoAsg, basic};

const ONE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn introspect(room: &Room<TibcoAsg>) -> Builder {
    Request::post(format!("http://{}/introspect", room.gateway.api()))
        .header(AUTHORIZATION, basic("edge", EDGE_SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn form() -> Full<bytes::Bytes> {
    Full::from(format!("token={}", TibcoAsg::ACTIVE))
}

fn traces(room: &Room<TibcoAsg>) -> Vec<Option<String>> {
    let trace = |request: &Recorded| request.header("traceparent").map(str::to_owned);
    room.server.requests().iter().map(trace).collect()
}

#[tokio::test]
async fn trace_of_a_caller_goes_on_to_the_provider_whatever_it_asks() {
    let room = Room::<TibcoAsg>::open().await;
    let api = room.gateway.api();
    let decide = Request::get(format!("http://{api}/forward-auth"))
        .header("x-introspectd-caller", basic("edge", EDGE_SECRET))
        .header(AUTHORIZATION, format!("Bearer {}", TibcoAsg::ACTIVE));
    let ops = basic("ops", OPS_SECRET);
    let list = Request::get(format!("http://{api}/v1/tokens?owner=x")).header(AUTHORIZATION, &ops);
    let explain = Request::post(format!("http://{api}/v1/explain"))
        .header(AUTHORIZATION, &ops)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let revoke = TibcoAsg::revoke(api, TibcoAsg::ACTIVE).header(AUTHORIZATION, &ops);
    for (request, body) in [
        (introspect(&room), form()),
        (decide, Full::default()),
        (list, Full::default()),
        (explain, form()),
        (revoke, form()),
    ] {
        room.server.forget();
        room.gateway.clock().advance(600);
        let request = request.header("traceparent", ONE).body(body).unwrap();
        let target = request.uri().path().to_owned();
        room.gateway.send(request).await;
        let traces = traces(&room);
        let is_handed_on = |trace: &Option<String>| trace.as_deref() == Some(ONE);
        assert!(
            !traces.is_empty() && traces.iter().all(is_handed_on),
            "{target}: {traces:?}"
        );
    }
}

#[tokio::test]
async fn invalid_or_repeated_trace_is_not_handed_on() {
    let room = Room::<TibcoAsg>::open().await;
    for values in [vec![], vec!["b_secret"], vec![ONE, OTHER]] {
        room.server.forget();
        room.gateway.clock().advance(600);
        let request = values.iter().fold(introspect(&room), |request, value| {
            request.header("traceparent", *value)
        });
        room.gateway.send(request.body(form()).unwrap()).await;
        assert_eq!(traces(&room), [None]);
    }
}

#[tokio::test]
async fn shared_request_has_the_trace_of_the_first_who_asked() {
    let room = Arc::new(Room::<TibcoAsg>::open().await);
    let gate = room.server.gate();
    let ask = |trace: &'static str| {
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let request = introspect(&room).header("traceparent", trace);
            room.gateway.send(request.body(form()).unwrap()).await
        })
    };
    let first = ask(ONE);
    gate.arrived(1).await;
    let looks = room.gateway.clock().looks();
    let second = ask(OTHER);
    room.gateway.clock().looked_at(looks + 1).await;
    gate.open();
    for reply in [first, second] {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(traces(&room), [Some(ONE.to_owned())]);
    assert_eq!(room.server.requests()[0].method, "GET");
}
