//! Resolution of tokens to facts: routing, cache, one flight for concurrent misses.
//!
//! A [`Resolver`] routes a token to providers, and returns their cached answers or requests them.
//! Facts are cached, decisions never: the outcome is what a provider answered, to be judged by the
//! time and the caller of each request.

#![warn(missing_docs)]

mod bind;
mod cache;
mod cursor;
mod doubt;
mod entry;
mod explain;
mod fact;
mod fetch;
mod flight;
mod gate_log;
mod key;
mod large_answers;
mod lifetime;
mod limits;
mod list;
mod log_limit;
mod lookup;
mod miss;
#[cfg(feature = "parts")]
pub mod parts;
mod purge;
mod purge_log;
mod purge_table;
mod reconfigure;
mod replica;
mod resolver;
mod revoke;
mod revoked;
mod router;
mod shared;
mod slot;
mod slots;
mod stamp;
mod status;
mod sweep;
mod table;

pub use cache::{Held, PoolStatus};
pub use explain::{Account, Answer, Explanation, NotAsked};
pub use fact::{Fact, Keep, Names, Record, Resolution, Source};
pub use introspectd_fleet::Replica;
pub use limits::{CacheLimits, CacheTimes};
pub use list::{Listed, Page, Positions, Wanted};
pub use lookup::{Lookup, Lookups};
pub use purge::{PurgeFailure, Purged};
pub use reconfigure::{Configured, NextProviders};
pub use resolver::Resolver;
pub use router::{Match, Rule, Unmatched};
pub use slot::ProviderEntry;
pub use status::ProviderStatus;
