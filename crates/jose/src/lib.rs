//! JOSE: JSON Web Signatures (RFC 7515), keys (RFC 7517, 8037), claims (RFC 7519), thumbprints.
//!
//! A [`Jws`] is parsed from a compact serialization, and says nothing until [`Jws::verify`] found
//! a key of a [`JwkSet`] that made its signature: only a [`Verified`] has a payload. Its
//! [`Claims`] are then judged one by one against the time that the caller gives. A [`Signer`]
//! makes tokens.
//!
//! Mistakes that became advisories elsewhere have no spelling here: [`Algorithm`] has neither
//! `none` nor an HMAC, the type of a key decides which algorithms it verifies, nothing that a
//! token says names a key but its `kid`, no member may be repeated, and a claim of the wrong type
//! is an error instead of an absent one.

#![warn(missing_docs)]

mod algorithm;
mod base64url;
mod claims;
mod hash;
mod json;
mod jwk;
mod jwk_set;
mod jws;
mod key;
mod signer;
mod verification;

pub use algorithm::Algorithm;
pub use claims::{Claims, Objection};
pub use hash::{access_token_hash, certificate_thumbprint};
pub use json::Unreadable;
pub use jwk::{Jwk, Unusable};
pub use jwk_set::{InvalidSet, JwkSet, LeftOut};
pub use jws::{Header, Jws, Malformed};
pub use signer::{InvalidKey, Signer, SigningFailed, TypedSigner};
pub use verification::{Refusal, Verified};
