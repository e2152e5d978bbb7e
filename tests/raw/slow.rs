//! slowhttptest: heads, bodies and reads as slow as can be. Others are answered meanwhile, and each
//! slow connection ends within its bound.

use std::time::Duration;

use tokio::process::Command;

use crate::harness::{Harness, run};

/// Slow connections of a test.
const CONNECTIONS: u32 = 200;
/// Longest delay of another caller meanwhile: the tests share a machine.
const BOUND: Duration = Duration::from_secs(2);

/// Attacks for so many seconds at most, while another caller asks. All connections must be gone by
/// then.
async fn endure(harness: &Harness, kind: &[&str], path: &str, seconds: u32) {
    let (printed, greatest) = attack(harness, kind, path, seconds).await;
    assert!(printed.contains("No open connections left"), "{printed}");
    assert!(greatest < BOUND, "another caller waited {greatest:?}");
}

/// Attacks, and returns what slowhttptest printed and another caller's greatest delay.
async fn attack(harness: &Harness, kind: &[&str], path: &str, seconds: u32) -> (String, Duration) {
    let url = format!("http://{}{path}", harness.gateway.api());
    let connections = CONNECTIONS.to_string();
    let mut printed = String::new();
    let attacking = async {
        (_, printed) = run(Command::new("slowhttptest")
            .args(kind)
            .args(["-c", &connections, "-r", &connections, "-u", &url])
            .args(["-l", &seconds.to_string(), "-p", "3"]))
        .await;
    };
    let greatest = harness.ask_meanwhile(attacking).await;
    (printed, greatest)
}

/// A head must be there within the 30 s of an idle connection.
#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_end_within_their_bound() {
    let harness = Harness::open().await;
    endure(&harness, &["-H", "-i", "2"], "/introspect", 50).await;
}

/// A body must be there within ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_end_within_their_bound() {
    let harness = Harness::open().await;
    // slowhttptest has no other way to authenticate.
    let cookie = format!("a=b\r\nAuthorization: {}", Harness::authorization());
    let form = "application/x-www-form-urlencoded";
    let kind = ["-B", "-i", "2", "-s", "8192", "-f", form, "-j", &cookie];
    endure(&harness, &kind, "/introspect", 30).await;
}

/// Reading a byte each five seconds. Once the system holds all of an answer, the connection is one
/// without requests, and ends as such: what the system holds then is not the server's any more.
#[tokio::test(flavor = "multi_thread")]
async fn slow_reads_end_within_their_bound() {
    let harness = Harness::open_with("", "max_connection_age = \"5s\"").await;
    let kind = ["-X", "-w", "1", "-y", "2", "-n", "5", "-z", "1", "-k", "5"];
    let port = harness.gateway.api().port();
    let mut counts = Vec::new();
    let watching = async {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            counts.push(established(port));
        }
    };
    tokio::select! {
        () = slow_reads(&harness, &kind) => {}
        () = watching => {}
    }
    let most = counts.iter().max().unwrap();
    assert!(*most > 100, "slowhttptest had no connections: {counts:?}");
    assert!(
        *counts.last().unwrap() < 10,
        "they are still open: {counts:?}"
    );
}

async fn slow_reads(harness: &Harness, kind: &[&str]) {
    let (printed, greatest) = attack(harness, kind, "/openapi.json", 50).await;
    assert!(
        greatest < BOUND,
        "another caller waited {greatest:?}: {printed}"
    );
}

/// Connections of a listener that are open at the server's end.
fn established(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ours = format!(":{port:04X}");
    let open = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_ours = words.next().is_some_and(|local| local.ends_with(&ours));
        is_ours && words.nth(1) == Some("01")
    });
    open.count()
}
