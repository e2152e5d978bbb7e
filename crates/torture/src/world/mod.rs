//! Surroundings of introspectd: tokens, and a simulator of each provider.

mod authority;
mod fault;
mod forge;
mod gate;
mod issue;
mod keyring;
mod providers;
mod shared_cache;
mod stock;

pub(crate) use authority::{Authority, Identity};
pub(crate) use fault::Fault;
pub(crate) use gate::Gate;
pub(crate) use issue::token as new_token;
pub(crate) use keyring::Keyring;
pub(crate) use providers::Providers;
pub use shared_cache::Deployment;
pub(crate) use shared_cache::{SharedCache, Trouble};
pub(crate) use stock::Stock;
