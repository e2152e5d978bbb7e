//! Broken rules of HTTP/2 and floods, and another caller meanwhile.

use tokio::process::Command;

use crate::harness::{Harness, python, run};

#[tokio::test(flavor = "multi_thread")]
async fn broken_rules_and_floods_of_http2_end_their_connection_alone() {
    let harness = Harness::open().await;
    let address = harness.gateway.api();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/raw/http2.py");
    let (succeeded, printed) = run(Command::new(python())
        .args([
            script,
            &address.ip().to_string(),
            &address.port().to_string(),
        ])
        .args([Harness::question(), Harness::authorization()]))
    .await;
    assert!(succeeded, "{printed}");
    let cases = printed
        .lines()
        .filter(|line| line.starts_with("ok"))
        .count();
    assert!(cases >= 60, "{printed}");
}
