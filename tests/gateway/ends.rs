//! One side stops while the other goes on.

use introspectd_simulators::Simulator;
use introspectd_tests::{Fixture, Room, TibcoAsg, now};
use tokio::net::TcpStream;

use crate::client::Client;

#[tokio::test]
async fn restarted_provider_is_reached_again() {
    let room = Room::<TibcoAsg>::open().await;
    room.ask(TibcoAsg::UNKNOWN).await.assert_inactive();
    room.server.stop();
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_problem(503, "temporarily_unavailable", Some("1"));
    let server = Simulator::bind(TibcoAsg::server(now()), room.server.address())
        .await
        .unwrap();
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    assert_eq!(server.count(), 1);
}

/// Restarts the provider between two requests, so that the pool still holds a dead connection.
#[tokio::test]
async fn unnoticed_restart_fails_no_request() {
    let room = Room::<TibcoAsg>::open().await;
    room.ask(TibcoAsg::UNKNOWN).await.assert_inactive();
    room.server.stop();
    let server = Simulator::bind(TibcoAsg::server(now()), room.server.address())
        .await
        .unwrap();
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn in_flight_request_is_answered_before_shutdown() {
    let room = Room::<TibcoAsg>::open().await;
    let gate = room.server.gate();
    let client = Client::ask(&room.gateway, TibcoAsg::ACTIVE).await;
    gate.arrived(1).await;
    let api = room.gateway.api();
    let stopping = tokio::spawn(room.gateway.stop());
    while TcpStream::connect(api).await.is_ok() {}
    gate.open();
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"active\":true"), "{answer}");
    assert!(stopping.await.unwrap());
}

#[tokio::test]
async fn request_longer_than_the_drain_is_cut_off() {
    let room =
        Room::<TibcoAsg>::open_with("timeout = \"60s\"", "[shutdown]\ndrain = \"50ms\"").await;
    let gate = room.server.gate();
    let _client = Client::ask(&room.gateway, TibcoAsg::ACTIVE).await;
    gate.arrived(1).await;
    assert!(!room.gateway.stop().await);
}
