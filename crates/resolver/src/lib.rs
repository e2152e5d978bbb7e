//! From a token to a fact: routing, cache, one flight for concurrent misses.
//!
//! A [`Resolver`] finds the providers that a token belongs to, gives what it knows of their answers,
//! and asks where it knows nothing. Facts are cached, decisions never: what comes out is what a
//! provider said, and whoever uses it judges it against the time and the caller of each request.

#![warn(missing_docs)]

mod bind;
mod cache;
mod doubt;
mod entry;
mod explain;
mod fact;
mod flight;
mod key;
mod lifetime;
mod limits;
mod list;
mod log_limit;
#[cfg(feature = "parts")]
pub mod parts;
mod purge;
mod purge_log;
mod purge_table;
mod resolver;
mod revoke;
mod revoked;
mod router;
mod stamp;
mod status;
mod strand;
mod sweep;

pub use cache::Held;
pub use explain::{Account, Answer, Explanation, NotAsked};
pub use fact::{Fact, Keep, Record, Resolution, Source};
pub use limits::CacheLimits;
pub use list::{Listed, Page, Positions, Wanted};
pub use purge::{NotCounted, Purged};
pub use resolver::{ProviderEntry, Resolver};
pub use router::{Match, Rule, Unmatched};
pub use status::ProviderStatus;
