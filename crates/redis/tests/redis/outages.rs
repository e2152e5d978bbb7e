use std::time::{Duration, Instant};

use introspectd_fleet::{EntryId, Store, Stream};
use introspectd_redis_lab::{Server, until};

use crate::harness::{HEALING, LIFE, append, heals, store, texts};

const ZERO: EntryId = EntryId {
    millis: 0,
    sequence: 0,
};

#[tokio::test]
async fn server_that_was_never_there_refuses_at_once_and_heals() {
    let mut server = Server::start().await;
    server.kill();
    let store = store(&server.url());
    let began = Instant::now();
    for _ in 0..100 {
        let down = store.get(&["lab:f:a"]).await.unwrap_err();
        assert_eq!(down.to_string(), "Redis: connection refused");
        append(&store, "lost").await.unwrap_err();
    }
    let down = store.wait(Stream::Purges, ZERO, LIFE).await.unwrap_err();
    assert_eq!(down.to_string(), "Redis: connection refused");
    assert!(began.elapsed() < Duration::from_secs(1));
    server.restart().await;
    heals(&store, "lab:f:a", HEALING).await;
}

#[tokio::test]
async fn server_that_is_killed_and_comes_back_empty_is_used_again() {
    let mut server = Server::start().await;
    let store = store(&server.url());
    append(&store, "before").await.unwrap();
    let wait = store.wait(Stream::Purges, ZERO, LIFE);
    wait.await.unwrap();
    let last = append(&store, "before").await.unwrap();
    let began = Instant::now();
    let (waited, ()) = tokio::join!(store.wait(Stream::Purges, last, LIFE), async {
        server.kill();
    });
    // A wait does not outlive its server.
    waited.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1));
    store.get(&["lab:f:a"]).await.unwrap_err();

    server.restart().await;
    heals(&store, "lab:f:a", HEALING).await;
    // Scripts are loaded again.
    assert_eq!(texts(&store).await.unwrap(), Vec::<String>::new());
    let first = append(&store, "after").await.unwrap();
    assert!(first > last);
    assert_eq!(texts(&store).await.unwrap(), ["after"]);
    store.wait(Stream::Purges, ZERO, LIFE).await.unwrap();
}

#[tokio::test]
async fn server_that_hangs_is_given_up_and_used_again() {
    let server = Server::start().await;
    let store = store(&server.url());
    let last = append(&store, "before").await.unwrap();
    server.hang();
    // Nobody waits for longer than he wants to.
    let began = Instant::now();
    let short = Duration::from_millis(50);
    let asked = tokio::time::timeout(short, store.get(&["lab:f:a"])).await;
    assert!(asked.is_err());
    // Who waits without an end learns soon that the connection is given up.
    let (got, waited) = tokio::join!(
        store.get(&["lab:f:a"]),
        store.wait(Stream::Purges, last, LIFE)
    );
    assert_eq!(got.unwrap_err().to_string(), "Redis: timed out");
    waited.unwrap_err();
    assert!(began.elapsed() < HEALING);
    // From then on, operations fail at once.
    let began = Instant::now();
    for _ in 0..100 {
        append(&store, "lost").await.unwrap_err();
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    server.go_on();
    heals(&store, "lab:f:a", HEALING).await;
    assert_eq!(texts(&store).await.unwrap(), ["before"]);
}

#[tokio::test]
async fn idle_server_that_restarts_is_not_noticed() {
    let mut server = Server::start().await;
    let store = store(&server.url());
    append(&store, "before").await.unwrap();
    server.restart().await;
    until("the store connects by itself", async || {
        let clients = server.info("connected_clients").await;
        // The other one asks this question.
        clients.as_deref() == Some("2")
    })
    .await;
    append(&store, "after").await.unwrap();
}

#[tokio::test]
async fn operations_that_are_dropped_leave_the_connection_usable() {
    let server = Server::start().await;
    let store = store(&server.url());
    append(&store, "first").await.unwrap();
    for _ in 0..200 {
        let mut get = Box::pin(store.get(&["lab:f:a", "lab:f:b"]));
        // Polled once, so that it is on its way.
        assert!(futures_util::poll!(&mut get).is_pending());
    }
    assert_eq!(store.get(&["lab:f:a"]).await.unwrap(), [None]);
    assert_eq!(texts(&store).await.unwrap(), ["first"]);
    let connections = server.info("total_connections_received").await.unwrap();
    // That of the store, that of this question, and the harness's first one.
    assert_eq!(connections, "3");
}
