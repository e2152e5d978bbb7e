//! The short form of `cargo xtask torture`, on the binary as it is built for tests.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::time::Duration;

use introspectd_torture::{Deployment, Options, Report, run};

/// Requests a second: a debug build on a machine that other tests share.
const RATE: u32 = 300;

async fn tortured(seconds: u64, change: impl FnOnce(&mut Options)) -> Report {
    let mut options = Options {
        rate: RATE,
        time: Duration::from_secs(seconds),
        // Others may take the processors for seconds. What they may not excuse is counted by how
        // long the threads of this run verifiably waited.
        is_shared: true,
        ..Options::new(env!("CARGO_BIN_EXE_introspectd").into(), 20_261_130)
    };
    change(&mut options);
    run(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tortured_service_breaks_no_rule() {
    let report = tortured(20, |_| {}).await;
    assert_eq!(report.findings(), 0, "{report}");
    assert!(report.answers("active") > 1000, "{report}");
    assert!(report.answers("inactive") > 100, "{report}");
    assert!(report.answers("rate limited") > 10, "{report}");
    assert!(report.events("token issued") > 100, "{report}");
    assert!(report.events("token revoked here") > 10, "{report}");
    assert!(report.events("reload: a policy changes") > 0, "{report}");
    assert!(report.events("answer about a JWT: active") > 50, "{report}");
    assert!(report.events("token forged") > 5, "{report}");
    assert!(report.events("signing key rotated") > 10, "{report}");
    let refused = "refused reload: key that needs a restart";
    assert!(report.events(refused) > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tortured_fleet_breaks_no_rule() {
    let report = tortured(20, |options| {
        options.fleet = Some(Deployment::Standalone);
    })
    .await;
    println!("{report}");
    assert_eq!(report.findings(), 0, "{report}");
    assert!(report.answers("active") > 1000, "{report}");
    assert!(report.answers("inactive") > 100, "{report}");
    assert!(report.events("token revoked here") > 10, "{report}");
    assert!(report.spreads() > 10, "{report}");
    assert!(report.events("way to Redis: cut") > 0, "{report}");
}

/// Proves that the oracle can fail: introspectd has another configuration than it believes, and it
/// is told of neither that nor of what one provider does.
#[tokio::test(flavor = "multi_thread")]
async fn oracle_finds_each_kind_of_lie() {
    let report = tortured(20, |options| {
        options.sabotaged = true;
        // The process is killed and a certificate rotated in the first seconds.
        options.seed = 20_261_143;
        // A lie about a time may not be excused by the machine.
        options.is_shared = false;
    })
    .await;
    for rule in [
        "wrong active",
        "forged token active",
        "wrong inactive",
        "wrong decision of a policy",
        "wrong admission of a caller",
        "rate of a caller not kept",
        "reload not whole or not refused",
        "replaced file not used",
        "failure that no fault explains",
        "answer after its bound",
        "request without an answer",
    ] {
        assert!(report.broken(rule) > 0, "{rule}: {report}");
    }
}
