//! Surroundings of introspectd: tokens, and a simulator of each provider.

mod authority;
mod gate;
mod issue;
mod providers;
mod shared_cache;
mod stock;

pub(crate) use authority::{Authority, Identity};
pub(crate) use gate::Gate;
pub(crate) use issue::token as new_token;
pub(crate) use providers::{Fault, Providers};
pub use shared_cache::Deployment;
pub(crate) use shared_cache::{SharedCache, Trouble};
pub(crate) use stock::Stock;
