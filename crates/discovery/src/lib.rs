//! Documents of other servers: found, fetched, kept while a fetch fails, replaced as a whole.
//!
//! A [`Document`] is fetched at the start and again whenever it is due, by one flight for all who
//! need it, and at most once in [`PAUSE`]; while a fetch fails, the former one serves. A [`Source`]
//! is where a server publishes its [`Metadata`] (RFC 8414, OpenID Connect Discovery 1.0), whose
//! `issuer` must be the configured one to the byte. [`Endpoints`] are configured, or follow it.

#![warn(missing_docs)]

mod document;
mod endpoints;
mod metadata;
mod source;

pub use document::{Document, Fetch, Lifetimes, Mark, NotFetched, PAUSE, Refreshing, Renewal};
pub use endpoints::Endpoints;
pub use metadata::{Endpoint, Member, Metadata};
pub use source::{Remote, Source};
