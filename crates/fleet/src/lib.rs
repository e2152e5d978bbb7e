//! Sharing among the replicas of a fleet: facts, leases, and the stream of purges.
//!
//! A [`Store`] holds what is shared, sealed. It may lose, hide, repeat and invent anything: what a
//! replica takes from it is judged by the order of the stream, and by the fleet's secret.

#![warn(missing_docs)]

mod bindings;
mod breaker;
mod counts;
mod digest;
mod fact;
mod fleet;
mod follow;
mod hearing;
mod holding;
mod index;
mod lease;
mod lookup;
#[cfg(any(test, feature = "memory"))]
mod memory;
mod message;
mod outbox;
mod per_second;
mod proof;
mod purge;
mod recent;
#[cfg(any(test, feature = "memory"))]
mod runtime_clock;
mod secret;
mod seen;
mod store;
mod store_clock;
mod time;

pub use bindings::SharedBindings;
pub use counts::{Counted, Status};
pub use digest::{Digest, Digests};
pub use fact::{FactName, Mode};
pub use fleet::{Fleet, FleetSettings, NotShared, Replica};
pub use hearing::Hearing;
pub use holding::{Filling, Lease};
pub use lookup::{Found, Imported};
#[cfg(any(test, feature = "memory"))]
pub use memory::{Fault, Link, MemoryStore};
pub use purge::{
    Confirmed, ConfirmedSubject, LocalPurge, Purge, Revocation, RevokedDigest, SharedMark,
};
#[cfg(any(test, feature = "memory"))]
pub use runtime_clock::RuntimeClock;
pub use secret::FleetSecret;
pub use store::{Down, Entry, EntryId, Kept, Reading, Store, Stream, Taken};
pub use time::Backoff;
