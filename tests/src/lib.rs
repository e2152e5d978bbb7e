//! Runs the gateways and their peers for the end-to-end tests.
//!
//! A [`Gateway`] is the real one, on real sockets, with a clock that stands still: a test moves
//! time instead of waiting for it. A [`Room`] is a gateway before one simulated vendor; what
//! differs between vendors is given by a [`Fixture`].
//!
//! ```no_run
//! # async fn example() {
//! use introspectd_tests::{Fixture, Room, TibcoAsg};
//! let room = Room::<TibcoAsg>::open().await;
//! room.ask(TibcoAsg::ACTIVE).await.assert_active(&TibcoAsg::active(), "miss");
//! room.gateway.clock().advance(3600);
//! room.ask(TibcoAsg::ACTIVE).await.assert_inactive();
//! # }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "this library is for tests, where to panic is to fail"
)]

mod adapter;
mod clock;
mod collector;
mod gateway;
mod ports;
mod process;
mod reply;
mod room;
mod vendors;

pub use adapter::Adapter;
pub use clock::Time;
pub use collector::{Collector, attribute};
pub use gateway::{
    EDGE_SECRET, Gateway, NOW, OPS_SECRET, PRELUDE, basic, form_body, now, provider,
};
pub use ports::free_address;
pub use process::Process;
pub use reply::Reply;
pub use room::{Room, Sent};
pub use vendors::{Apigee, Described, Fixture, Jwt, Passport, Rfc7662, TibcoAsg};
