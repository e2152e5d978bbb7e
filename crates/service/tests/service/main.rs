//! Service as a presentation calls it: without HTTP, in front of a provider that knows one token.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod configurations;
mod explanations;
mod harness;
mod logs;
mod operations;
mod possession;
mod request_ids;
mod spans;
