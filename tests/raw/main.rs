//! Clients that break the rules, and slow ones: what the listeners do, seen by others' software.
//!
//! PyPI's hyperframe and hpack write frames that no client library would; Debian's slowhttptest
//! sends and reads as slowly as it can; Debian's testssl.sh tries every protocol and cipher.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod harness;
mod http2;
mod slow;
mod tls;
