//! Inbound requests: caller authentication, handlers, replies, the one error table.
//!
//! A request passes the layers in the order of [`Session::answer`]. Every inner layer returns a typed
//! `Problem`; only the outermost one turns it into an answer, by one table. This
//! crate knows no vendor: it hands tokens to the resolver and judges the facts that come back.
//!
//! `introspectd_server` brings requests, `authentication` knows who sends them, `api` and `admin` answer them,
//! `decision` says whether a proxy may let its client's request pass, and `description` tells programs
//! what is served.

mod admin;
mod api;
mod audit;
mod authentication;
mod body;
mod decision;
mod description;
mod form;
mod language;
#[cfg(feature = "parts")]
pub mod parts;
mod problem;
mod records;
mod reply;

pub use admin::{Admin, Readiness};
pub use api::{Api, Entrance, Session};
pub use audit::REFUSALS;
pub use body::drain;
pub use decision::{Allowed, BadMessage};
pub use description::{InvalidPublicUrl, PublicUrl};
pub use introspectd_core::{Json, Members};
pub use introspectd_service::{
    Caller, Callers, CertificateName, DEFAULT_POLICY, InvalidCertificateName, KeptAnswer, Permission,
    Policies, Policy, Requirements, SecretDigest, Selection, Unavailable,
};
pub use reply::{Content, Reply};
