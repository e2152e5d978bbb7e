//! `/openapi.json` says what is served, and nothing else; and clients find us by our metadata (RFC
//! 8414).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod harness;
mod metadata;
mod routes;
mod schemathesis;
