//! One endpoint that answers for the tokens of many authorization servers.
//!
//! The binary's parts, so that tests can put them together with a clock of their own:
//! [`Config`] reads and judges the configuration, [`App`] builds and runs what it describes.

mod app;
mod bound_endpoint;
pub mod config;
pub mod descriptors;
pub mod log;
mod metrics;
mod refusal_limit;
pub mod reload;
mod shared;
mod traces;
mod transmitters;

pub use app::{App, Bound};
pub use config::{Config, ProviderConfig};
pub use reload::{Reloader, Source};
