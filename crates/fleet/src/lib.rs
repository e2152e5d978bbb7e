//! Sharing among the replicas of a fleet: facts, leases, and the stream of purges.
//!
//! A [`Store`] holds what is shared, sealed. It may lose, hide and repeat anything: what a replica
//! takes from it is judged by the order of the stream, and by the fleet's secret.

mod store;

pub use store::{Down, Entry, EntryId, Kept, Reading, Store, Stream};
