//! The only outbound HTTP: pool, deadline, body cap, credentials, path safety.
//!
//! An adapter describes a [`Request`] (an [`Address`], a [`Segment`], a form) and gets a
//! [`Response`] or a [`Failure`](introspectd_core::Failure). What is the same for every vendor is
//! decided here, in one stack of layers (`stack.rs`):
//!
//! - one deadline over the whole exchange: the credential's renewal, the connection, head and body;
//! - lists alone may be longer than memory: their elements are read one by one, in a longer
//!   deadline;
//! - any other body over 1 MiB, an element over 1 MiB, a redirect, 401, 403, 429 and 5xx never
//!   reach an adapter;
//! - names, connections and TLS are the business of threads that serve no caller ([`Outbound`]);
//! - a connection that brings bytes which nothing asked for is closed, and what came over it last
//!   is taken back;
//! - TLS certificates are always verified: there is no switch for it;
//! - nothing of a URL, a body or a credential is logged, since vendors put tokens into all three.

#![warn(missing_docs)]

mod address;
mod answer;
mod assertion;
mod authorization;
mod coding;
mod connect;
mod connection;
mod credentials;
mod dialect;
mod elements;
mod exchange;
mod exposure;
mod extensions;
mod gate;
mod grant;
mod grant_request;
mod headers;
mod issuer;
mod members;
mod outbound;
mod policy;
mod pool;
mod proxy;
mod reason;
mod renewed;
mod request;
mod resolve;
mod response;
mod secret_text;
mod stack;
mod stage;
mod target;
mod tcp;
mod tls;
mod upstream;
mod vocabulary;
mod window;

pub use address::{Address, InvalidAddress, Refused, Segment};
pub use answer::{judge_status, object};
pub use connection::Connection;
pub use credentials::CredentialPlace;
pub use dialect::Dialect;
pub use elements::Elements;
pub use exchange::{Exchange, MASK, Sent};
pub use exposure::Head;
pub use extensions::keep_extensions;
pub use issuer::{Issuer, Undiscoverable};
pub use members::{Unread, described};
pub use outbound::Outbound;
pub use renewed::Renewed;
pub use request::Request;
pub use response::{List, Response};
pub use secret_text::SecretText;
pub use target::{InvalidTarget, Target};
pub use upstream::Upstream;
pub use vocabulary::{grant_type, read_token_type};
