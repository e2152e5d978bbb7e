//! Surroundings of introspectd: tokens, and a simulator of each provider.

mod gate;
mod issue;
mod providers;
mod stock;

pub(crate) use gate::{Authority, Gate};
pub(crate) use issue::token as new_token;
pub(crate) use providers::{Fault, Providers};
pub(crate) use stock::Stock;
