//! Paper: what a fleet of replicas asks, holds and sends, computed from its workload.
//!
//! [`Fleet::plan`] is a pure function that takes milliseconds. Its model: requests are Poisson
//! processes, tokens are active and as popular as Zipf's law has it, each replica gets the same
//! share of the requests about each token, and all is as it is on average long after a start. The
//! crate's tests hold it against a simulation of the real cache, within 2 %.

mod cycle;
mod eviction;
mod fleet;
mod plan;
mod popularity;
mod redis;

pub use fleet::{Fleet, Shard};
pub use plan::{Delay, Load, Memory, Plan};
pub use redis::Redis;
