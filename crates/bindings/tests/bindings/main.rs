//! Bindings as their users meet them: what was bound is there, or the file says that it is not what it was.
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
mod keeping;
mod revocations;
