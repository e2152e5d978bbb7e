//! Software that operators run beside the service: Prometheus, its rules, and the dashboard.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod cache;
mod files;
mod house;
mod listeners;
mod outcomes;
mod prometheus;
mod providers;
mod requests;
mod scrape;
mod secrecy;
