//! Keys of other servers: fetched, kept while a fetch fails, replaced when they rotate.
//!
//! [`Keys`] verify a signature by the latest JWK Set. A set replaces the one before as a whole. An
//! unknown key has the set fetched again, at most once in [`Keys::PAUSE`] for all signatures
//! together, so that made-up key ids cost the issuer nothing; in between the answer is
//! [`NotVerified::Provisional`]. Without keys it is [`NotVerified::Later`], which says nothing
//! about the signature. [`FileKeys`] are those of a file, and a [`KeySource`] is either, as a
//! [`KeyConfig`] says.

#![warn(missing_docs)]

mod config;
mod fetch;
mod file;
mod key_source;
mod keys;
mod status;
mod turns;

pub use config::KeyConfig;
pub use fetch::{Remote, Source};
pub use file::FileKeys;
pub use introspectd_discovery::{Fetch, Lifetimes, NotFetched, Refreshing};
pub use key_source::KeySource;
pub use keys::Keys;
pub use status::{NotVerified, Presence, Status};
