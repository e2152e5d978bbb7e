//! Store over real servers: every operation on every deployment, and faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod contract;
mod deployments;
mod encryption;
mod failovers;
mod harness;
mod outages;
mod settings;
