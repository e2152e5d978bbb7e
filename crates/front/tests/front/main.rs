//! The front as its callers meet it: real sockets and real HTTP before a scripted provider.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod audit;
mod bench;
mod bindings;
mod callers;
mod client;
mod connections;
mod description;
mod explain;
mod failures;
mod floods;
mod forward_auth;
mod hangups;
mod heads;
mod hosts;
mod languages;
mod lists;
mod logs;
mod other_headers;
mod places;
mod provider;
mod rates;
mod records;
mod replies;
mod requests;
mod shedding;
mod sizes;
mod stopping;
mod tls;
