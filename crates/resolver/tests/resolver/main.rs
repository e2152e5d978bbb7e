//! Promises of a resolver, observed from outside: scripted providers, a manual clock, no socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod asks;
mod bindings;
mod cache_lookups;
mod doubts;
mod explanations;
mod failures;
mod flights;
mod harness;
mod interleavings;
mod large_answers;
mod listers;
mod lists;
mod logs;
mod long_lists;
mod lookups;
mod pages;
mod pools;
mod properties;
mod purges;
mod reconfigured;
mod remembered;
mod revocations;
mod routes;
mod side_by_side;
mod stand_ins;
mod statuses;
mod sweeps;
mod times;
