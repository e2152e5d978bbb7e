//! HTTP: routes, authentication, bodies, replies, and the one table from refusal to reply.
//!
//! A request passes the layers in the order of [`Handler::answer`]; `routes.rs` has each endpoint
//! in one row. What is done for a request is `introspectd_service`'s to say. This crate knows no
//! vendor.

mod accept;
mod admin;
mod authentication;
mod body;
mod call;
mod context;
mod discovery;
mod exposition;
mod form;
mod forward_auth;
mod handler;
mod header;
mod language;
mod message;
#[cfg(feature = "parts")]
pub mod parts;
mod problem;
mod readiness;
mod reply;
mod routes;
mod v1;

pub use admin::Admin;
pub use body::drain;
pub use context::X_REQUEST_ID;
pub use discovery::{InvalidPublicUrl, PublicUrl};
pub use exposition::{Exposition, Format};
pub use forward_auth::{Allowed, BadMessage, Described};
pub use handler::{Api, Connection, Handler, ListenerIdentity, Proxy};
pub use readiness::Readiness;
pub use reply::{Content, Reply};
