//! Inbound: listeners, caller authentication, handlers, replies, the one error table.
//!
//! A request passes the layers in the order of [`Session::answer`]. Every inner layer returns a typed
//! `Problem`; only the outermost one turns it into an answer, by one table. This
//! crate knows no vendor: it hands tokens to the resolver and judges the facts that come back.

mod admin;
mod api;
mod audit;
mod authentication;
mod bearer;
mod body;
mod caller;
mod certificate;
mod claims;
mod connection;
mod decision;
mod form;
mod identity;
mod language;
mod listener;
mod origin;
#[cfg(feature = "parts")]
pub mod parts;
mod passed;
mod policy;
mod problem;
mod reply;
mod server;
mod socket;
mod tls;
mod workers;

pub use admin::{Admin, Readiness};
pub use api::{Api, Entrance, Session};
pub use caller::{Caller, Callers, Permission, SecretDigest};
pub use certificate::{CertificateName, InvalidCertificateName};
pub use decision::Allowed;
pub use listener::{InvalidAddress, ListenAddress, Listener};
pub use origin::{Arrival, Origin};
pub use passed::Passed;
pub use policy::{Policies, Policy, Requirements, Selection, Unavailable};
pub use reply::{Rendered, Reply};
pub use server::{Stop, run};
pub use socket::{SocketAccess, SocketListener};
pub use tls::{Protocols, Tls, TlsFiles, TlsProblem};
pub use workers::Workers;
