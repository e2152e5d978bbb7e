//! Servers and clients that others wrote, unchanged, on both sides of introspectd.
//!
//! `servers` mint, introspect and revoke their own tokens; introspectd is configured by the section
//! of their page in `docs/providers`. `clients` are given introspectd's URL and a secret, and
//! nothing else. A peer is a process that picks a free port and ends with its standard input, and
//! so with the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, its own functions included"
)]

mod page;
mod peer;
mod program;

mod clients;
mod events;
mod first_steps;
mod jwt;
mod mcp;
mod mcp_server;
mod servers;
