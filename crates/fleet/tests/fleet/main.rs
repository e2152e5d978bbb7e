//! Replicas of a fleet over a store in memory, with time that passes in leaps.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod bindings;
mod harness;
mod protocol;
mod seen;
