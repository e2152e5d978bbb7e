//! Envoy's questions over gRPC, and that they are decided as those of `/forward-auth` are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod bound;
mod differential;
mod envoy;
mod ids;
mod listeners;
mod messages;
mod passing;
mod resource;
