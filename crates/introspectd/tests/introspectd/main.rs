//! The program as its users meet it: the real binary, its output, its sockets, its signals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod activation;
mod asking;
mod audit;
mod bindings;
mod check;
mod client;
mod client_file;
mod completions;
mod deployment;
mod described;
mod descriptors;
mod documents;
mod explain;
mod hash_secret;
mod health;
mod help;
mod idle;
mod kubernetes;
mod lists;
mod log;
mod lookup;
mod man;
mod odd_files;
mod plan;
mod program;
mod purge;
mod reload;
mod revocations;
mod revoke;
mod serve;
mod server;
mod shutdown;
mod sidecar;
mod sockets;
mod stalled;
mod systemd;
mod tokens;
mod transmitters;
mod try_out;
mod unchanged;
mod vendors;
