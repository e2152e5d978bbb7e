//! Threads that drive connections.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use introspectd_upstream::{Dialect, Outbound, Request, Upstream};

use crate::provider::{clock, connection, silent, uri};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_blocked_worker_holds_up_no_answer_of_another() {
    let server = silent().await;
    let base_url = server.base_url();
    let connection = connection(
        Dialect::Rest,
        &base_url,
        "credentials = { type = \"none\" }",
    );
    let outbound = Outbound::start(clock()).unwrap();
    let upstream = Arc::new(Upstream::new(connection, clock(), &outbound));

    let (opened, is_open) = mpsc::channel();
    let (unblock, blocked) = mpsc::channel::<()>();
    let (first, target) = (Arc::clone(&upstream), uri(&base_url, "/x"));
    let worker = thread::spawn(move || {
        runtime().block_on(async {
            // Its connection goes back to the pool, and the worker's thread turns no more.
            first.send(Request::get(target)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            opened.send(()).unwrap();
            let _ = blocked.recv();
        });
    });
    tokio::task::spawn_blocking(move || is_open.recv().unwrap())
        .await
        .unwrap();
    for _ in 0..3 {
        let asked = tokio::time::timeout(
            Duration::from_secs(20),
            upstream.send(Request::get(uri(&base_url, "/y"))),
        );
        assert!(asked.await.expect("an answer").is_ok());
    }
    drop(unblock);
    worker.join().unwrap();
    drop(outbound);
    assert!(
        upstream
            .send(Request::get(uri(&base_url, "/z")))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn connections_are_driven_by_threads_of_their_own() {
    let outbound = Outbound::start(clock()).unwrap();
    // A thread names itself, soon.
    let named = async {
        while !["upstream-0\n", "upstream-1\n"]
            .iter()
            .all(|name| names().contains(&(*name).to_owned()))
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), named)
            .await
            .is_ok(),
        "{:?}",
        names()
    );
    drop(outbound);
}

fn names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .collect()
}
