//! The client over real sockets: what every vendor's adapter may rely on.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod assertions;
mod authority;
mod breakers;
mod configuration;
mod credentials;
mod crowd;
mod exchange;
mod expose;
mod grant;
mod grant_failures;
mod headers;
mod hedges;
mod isolation;
mod lists;
mod names;
mod places;
mod provider;
mod proxies;
mod proxy_server;
mod renewals;
mod repeats;
mod retries;
mod silence;
mod streams;
mod surplus;
mod targets;
mod threads;
mod tinyproxy;
mod tls;
mod tls_server;
