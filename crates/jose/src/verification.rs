use std::fmt;

use crate::algorithm::Algorithm;
use crate::claims::Claims;
use crate::json::Unreadable;
use crate::jwk::{Jwk, Unusable};
use crate::jwk_set::JwkSet;
use crate::jws::{Header, Jws};

/// Header and payload whose signature was verified.
pub struct Verified<'a> {
    header: &'a Header,
    payload: &'a [u8],
    key: Jwk,
}

/// Reason why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An algorithm that the caller does not allow.
    #[error("the algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// No key has this `kid`, or none verifies the algorithm of a signature without `kid`. Newer
    /// keys may help.
    #[error("the key is unknown")]
    UnknownKey,
    /// The key of this `kid` is for another algorithm.
    #[error("the key is not for this algorithm")]
    KeyAlgorithm,
    /// The key of this `kid`, or the one in the header, cannot be used.
    #[error("the key cannot be used: {0}")]
    UnusableKey(#[from] Unusable),
    /// More keys than [`Jws::MAX_CANDIDATES`] may have made the signature.
    #[error("the signature does not name its key, and too many would fit")]
    AmbiguousKey,
    /// The signature is not that of header and payload. Without `kid`, newer keys may help.
    #[error("the signature is invalid")]
    Signature,
}

impl Jws<'_> {
    /// Most keys that are tried: each costs a verification. Issuers that give no `kid` have two
    /// keys of a type while they replace one.
    pub const MAX_CANDIDATES: usize = 4;

    /// Verifies the signature by a key of the set: the one of its `kid`, or without `kid` those
    /// that fit its algorithm.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify(&self, keys: &JwkSet, allowed: &[Algorithm]) -> Result<Verified<'_>, Refusal> {
        let header = self.unverified_header();
        self.check_algorithm(allowed)?;
        let fitting = keys.fitting(header.kid(), header.algorithm());
        if fitting.is_empty() {
            return Err(no_key(keys, header.kid()));
        }
        if fitting.len() > Self::MAX_CANDIDATES {
            return Err(Refusal::AmbiguousKey);
        }
        let mut fitting = fitting.into_iter();
        let key = fitting.find(|key| self.is_signed_by(key));
        let key = key.ok_or(Refusal::Signature)?;
        Ok(self.verified(key.clone()))
    }

    /// Verifies the signature by the `jwk` of its own header. That proves only that the sender has
    /// this key, as a DPoP proof does (RFC 9449 section 4.3): who the sender is must come from
    /// elsewhere, by the thumbprint of [`Verified::key`].
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::UnusableKey`] without `jwk`.
    pub fn verify_possession(&self, allowed: &[Algorithm]) -> Result<Verified<'_>, Refusal> {
        self.check_algorithm(allowed)?;
        let key = self.unverified_header().unverified_jwk()?;
        if !key.verifies(self.unverified_header().algorithm()) {
            return Err(Refusal::KeyAlgorithm);
        }
        if !self.is_signed_by(&key) {
            return Err(Refusal::Signature);
        }
        Ok(self.verified(key))
    }

    fn check_algorithm(&self, allowed: &[Algorithm]) -> Result<(), Refusal> {
        if allowed.contains(&self.unverified_header().algorithm()) {
            Ok(())
        } else {
            Err(Refusal::AlgorithmNotAllowed)
        }
    }

    fn is_signed_by(&self, key: &Jwk) -> bool {
        let algorithm = self.unverified_header().algorithm();
        key.verify(algorithm, self.signed.as_bytes(), &self.signature)
    }

    fn verified(&self, key: Jwk) -> Verified<'_> {
        Verified {
            header: self.unverified_header(),
            payload: &self.payload,
            key,
        }
    }
}

fn no_key(keys: &JwkSet, kid: Option<&str>) -> Refusal {
    let Some(kid) = kid else {
        return Refusal::UnknownKey;
    };
    if keys.has(kid) {
        return Refusal::KeyAlgorithm;
    }
    keys.reason(kid)
        .map_or(Refusal::UnknownKey, Refusal::UnusableKey)
}

impl Verified<'_> {
    /// Returns the header.
    pub const fn header(&self) -> &Header {
        self.header
    }

    /// Returns the payload.
    pub const fn payload(&self) -> &[u8] {
        self.payload
    }

    /// Returns the key that made the signature.
    pub const fn key(&self) -> &Jwk {
        &self.key
    }

    /// Reads the payload as the claims of a JWT.
    ///
    /// # Errors
    /// [`Unreadable`] if it is no object, or repeats a member.
    pub fn claims(&self) -> Result<Claims, Unreadable> {
        Claims::parse(self.payload)
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("header", &self.header)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
