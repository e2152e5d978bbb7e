//! Durability of the stores: a binding is found again, or its file is refused as damaged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod crashes;
mod damage;
mod files;
mod given;
mod hanging;
mod keeping;
mod revocations;
