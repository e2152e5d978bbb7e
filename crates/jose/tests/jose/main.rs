//! Promises of the crate: vectors of the RFCs, tokens of other libraries, and single defects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod claims;
mod defects;
mod harness;
mod keys;
mod oddities;
mod possession;
mod signing;
mod vectors;
