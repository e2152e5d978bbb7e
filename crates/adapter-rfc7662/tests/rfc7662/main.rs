//! A server of RFC 7662 over real sockets: what it is sent, and how its endpoints are found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod discovery;
mod forms;
mod harness;

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;
// Used by the tests beside the functions.
use proptest as _;
