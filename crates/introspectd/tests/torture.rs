//! The short form of `cargo xtask torture`, on the binary as it is built for tests.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

use std::time::Duration;

use introspectd_torture::{Options, Report, run};

/// Requests a second: a debug build on a machine that other tests share.
const RATE: u32 = 300;

async fn tortured(options: Options) -> Report {
    run(Options {
        rate: RATE,
        // Other tests take the processors for seconds.
        slack: Duration::from_secs(8),
        is_shared: true,
        ..options
    })
    .await
    .unwrap()
}

fn options(seconds: u64) -> Options {
    Options {
        time: Duration::from_secs(seconds),
        ..Options::new(env!("CARGO_BIN_EXE_introspectd").into(), 20_261_130)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tortured_service_breaks_no_rule() {
    let report = tortured(options(20)).await;
    assert_eq!(report.findings(), 0, "{report}");
    assert!(report.answers("active") > 1000, "{report}");
    assert!(report.answers("inactive") > 100, "{report}");
    assert!(report.events("token issued") > 100, "{report}");
    assert!(report.events("token revoked here") > 10, "{report}");
}

/// Proves that the oracle can fail: providers go on calling tokens active that it knows as revoked.
#[tokio::test(flavor = "multi_thread")]
async fn oracle_finds_revocations_that_a_provider_forgot() {
    let report = tortured(Options {
        sabotaged: true,
        ..options(15)
    })
    .await;
    assert!(report.wrong_actives() > 0, "{report}");
}
