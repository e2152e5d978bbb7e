//! Secret keys and what they are used for: derivation, keyed hashes, sealed texts.
//!
//! A [`Key`] has one purpose. Keys of several purposes are derived from one secret, each in a
//! context of its own, so that no output for one can be taken for another's. None of the types
//! prints a key.

#![warn(missing_docs)]

mod hash;
mod key;
mod seal;

pub use hash::{Hash, Parts};
pub use key::Key;
pub use seal::Sealer;
