//! The configuration of each page in `docs/gateways`, run by the gateway's real process.
//!
//! A [`harness::Harness`] takes the files out of a page, puts free ports and a folder of its own in
//! place of the addresses and paths, and starts what the page describes: a provider (simulated),
//! introspectd, the gateway and an application behind it. What is asked of every gateway stands
//! once, in `scenarios.rs`; a gateway's own file says how it is started, and in which answers it
//! differs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, its own functions included"
)]

mod application;
mod client;
mod edge;
mod harness;
mod page;
mod tokens;

mod bound;
mod scenarios;

mod apache;
mod caddy;
mod envoy;
mod haproxy;
mod nginx;

mod github;
