use std::io::ErrorKind;
use std::time::{Duration, Instant};

use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{ACTIVE, Rfc7662};
use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::client::{Reply, ask_as_edge, get, try_get};
use crate::program::soon;
use crate::server::Server;
use crate::vendors::{sso, sso_config};

async fn server_and_sso(drain: &str) -> (Server, Simulator<Rfc7662>) {
    let sso = sso().await;
    let config = format!("[shutdown]\ndrain = {drain:?}\n{}", sso_config(&sso));
    (Server::start_with(&config).await, sso)
}

fn in_flight(server: &Server) -> JoinHandle<Reply> {
    let api = server.api();
    tokio::spawn(async move { ask_as_edge(&api, ACTIVE).await })
}

/// Until the listener is closed, the system may still accept a connection for it.
async fn until_refused(address: &str) {
    soon("a refused connection", async {
        while !TcpStream::connect(address)
            .await
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        {}
    })
    .await;
}

async fn until_unready(admin: &str) {
    soon("503 from /readyz", async {
        while get(admin, "/readyz").await.status != 503 {}
    })
    .await;
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_end() {
    let (mut server, sso) = server_and_sso("60s").await;
    let (api, admin) = (server.api(), server.admin());
    let mut idle = TcpStream::connect(&api).await.unwrap();
    let gate = sso.gate();
    let reply = in_flight(&server);
    soon("the question", gate.arrived(1)).await;

    server.signal(Signal::TERM);
    server.logged("shutting down").await;
    until_unready(&admin).await;
    assert_eq!(
        get(&admin, "/livez").await.status,
        200,
        "it lives until the end"
    );
    until_refused(&api).await;
    assert_eq!(
        soon("the end of a connection at rest", idle.read(&mut [0]))
            .await
            .unwrap(),
        0
    );
    assert!(!reply.is_finished());

    gate.open();
    assert!(soon("the answer", reply).await.unwrap().is_active());
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(
        server
            .log()
            .iter()
            .any(|line| line.contains(r#""message":"stopped""#))
    );
    assert!(try_get(&admin, "/livez").await.is_err());
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_given_up() {
    let (mut server, sso) = server_and_sso("1s").await;
    let gate = sso.gate();
    let reply = in_flight(&server);
    soon("the question", gate.arrived(1)).await;

    let since = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(
        since.elapsed() >= Duration::from_secs(1),
        "it was given its time"
    );
    assert!(since.elapsed() < Duration::from_secs(10), "and no more");
    assert!(
        server
            .log()
            .iter()
            .any(|line| line.contains("WARN") && line.contains("in flight"))
    );
    // Which of the two comes first, the end of the question or that of the connection, is a race.
    let given_up = reply.await.map_or(true, |reply| reply.status == 503);
    assert!(
        given_up,
        "the connection ends without an answer, or with that it cannot be given"
    );
}

#[tokio::test]
async fn either_signal_ends_a_server_at_rest_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut server, _sso) = server_and_sso("600s").await;
        // Kept open between two requests, as proxies do.
        let _idle = TcpStream::connect(server.api()).await.unwrap();
        assert!(ask_as_edge(&server.api(), ACTIVE).await.is_active());
        server.signal(signal);
        assert_eq!(server.ended().await.code(), Some(0), "{signal:?}");
    }
}

#[tokio::test]
async fn a_hang_up_ends_nothing() {
    let (server, _sso) = server_and_sso("1s").await;
    server.signal(Signal::HUP);
    server.logged("configuration reloaded").await;
    assert!(ask_as_edge(&server.api(), ACTIVE).await.is_active());
    assert_eq!(get(&server.admin(), "/readyz").await.status, 200);
}
