//! Inbound: listeners, caller authentication, handlers, replies, the one error table.
//!
//! A request passes the layers in the order of [`Session::answer`]. Every inner layer returns a typed
//! `Problem`; only the outermost one turns it into an answer, by one table. This
//! crate knows no vendor: it hands tokens to the resolver and judges the facts that come back.

mod admin;
mod api;
mod authentication;
mod body;
mod caller;
mod connection;
mod form;
mod language;
mod listener;
#[cfg(feature = "parts")]
pub mod parts;
mod problem;
mod reply;
mod server;
mod workers;

pub use admin::{Admin, Readiness};
pub use api::{Api, Session};
pub use caller::{Caller, Callers, Permission, ProviderSet, SecretDigest};
pub use listener::{InvalidAddress, ListenAddress, Listener};
pub use reply::{Rendered, Reply};
pub use server::{Stop, run};
pub use workers::Workers;
