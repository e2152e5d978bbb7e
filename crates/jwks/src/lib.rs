//! Keys of other servers: fetched, kept while a fetch fails, replaced when they rotate.
//!
//! [`Keys`] verify a signature by the latest JWK Set. A set replaces the one before as a whole. An
//! unknown key has the set fetched again, at most once in [`Keys::PAUSE`] for all signatures
//! together, so that made-up key ids cost the issuer nothing; in between the answer is
//! [`NotVerified::Later`], which says nothing about the signature.

#![warn(missing_docs)]

mod fetch;
mod keys;

pub use fetch::{Remote, Source};
pub use introspectd_discovery::{Fetch, Lifetimes, NotFetched, Refreshing};
pub use keys::{Keys, NotVerified, Status};
