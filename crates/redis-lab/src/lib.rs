//! Redis servers for tests: one, a master with sentinels, a cluster; and their faults.
//!
//! Each is a real server on a free port of loopback, in a folder of its own, without persistence:
//! one that is restarted is empty. All end when they are dropped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod cluster;
mod ports;
mod sentinel;
mod server;
mod wire;

pub use cluster::Cluster;
pub use ports::free_port;
pub use sentinel::Sentinels;
pub use server::{Program, Server, Setup};
pub use wire::{State, Wire};

use std::time::Duration;

use tokio::time::{Instant, interval};

/// Longest wait for a state of the servers: a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds, and fails the test if it does not within half a minute.
///
/// # Panics
/// It did not hold.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut ticks = interval(Duration::from_millis(10));
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        ticks.tick().await;
    }
}
