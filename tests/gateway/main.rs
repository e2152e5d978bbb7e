//! Behaviour of a gateway with several callers, tokens, moments or providers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod cache;
mod client;
mod credentials;
mod discovery;
mod ends;
mod four;
mod jwt;
mod jwt_keys;
mod lists;
mod pages;
mod permissions;
mod policies;
mod resource;
mod routing;
mod signed;
mod spans;
mod surplus;
mod traces;
