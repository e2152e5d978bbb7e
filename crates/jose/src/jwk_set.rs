use serde::Serialize;
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::json::{self, Unreadable};
use crate::jwk::{Jwk, Unusable};

/// Keys of an issuer: a JWK Set (RFC 7517 section 5).
///
/// A set that was fetched again replaces the one before. A merged one would go on trusting keys
/// that were taken out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    #[serde(skip)]
    left_out: Vec<LeftOut>,
}

/// Key of a set that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Place in the set, from 0.
    pub place: usize,
    /// `kid`, where the key has one that can be read.
    pub kid: Option<String>,
    /// Reason why it is not used.
    pub reason: Unusable,
}

/// Reason why bytes are not a JWK Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSet {
    /// More than [`JwkSet::MAX_BYTES`].
    #[error("the JWK Set is larger than 1 MiB")]
    TooLarge,
    /// More keys than [`JwkSet::MAX_KEYS`].
    #[error("the JWK Set has more than 100 keys")]
    TooManyKeys,
    /// No object, or a member that is repeated.
    #[error("the JWK Set is {0}")]
    Unreadable(#[from] Unreadable),
    /// A `keys` that is missing or no array.
    #[error("the JWK Set has no array of keys")]
    NoKeys,
}

impl JwkSet {
    /// Most bytes of a set.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// Most keys of a set, the unusable ones included.
    pub const MAX_KEYS: usize = 100;

    /// Reads a set. A key that cannot be used does not spoil the others: it is left out.
    ///
    /// # Errors
    /// [`InvalidSet`] if the whole is not a set within its bounds.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidSet> {
        if json.len() > Self::MAX_BYTES {
            return Err(InvalidSet::TooLarge);
        }
        let set = json::raw_object(json)?;
        let keys = set.members.get("keys").ok_or(InvalidSet::NoKeys)?;
        let keys: Vec<&RawValue> =
            serde_json::from_str(keys.get()).map_err(|_| InvalidSet::NoKeys)?;
        if keys.len() > Self::MAX_KEYS {
            return Err(InvalidSet::TooManyKeys);
        }
        let mut read = Self::default();
        for (place, key) in keys.into_iter().enumerate() {
            match Jwk::parse(key.get().as_bytes()) {
                Ok(key) => read.keys.push(key),
                Err(reason) => read.left_out.push(LeftOut {
                    place,
                    kid: kid_of(key),
                    reason,
                }),
            }
        }
        Ok(read)
    }

    /// Returns the keys that may be used, in the order of the set.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Returns the keys that are not used, in the order of the set.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Returns the keys that may have made a signature: those of this `kid`, or all if the
    /// signature names none, which verify this algorithm.
    pub(crate) fn fitting(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<&Jwk> {
        let is_meant = |key: &&Jwk| kid.is_none_or(|kid| key.kid() == Some(kid));
        self.keys
            .iter()
            .filter(is_meant)
            .filter(|key| key.verifies(algorithm))
            .collect()
    }

    /// Returns true if a key that may be used has this `kid`.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Returns the reason why the key of this `kid` is not used.
    pub(crate) fn reason(&self, kid: &str) -> Option<Unusable> {
        let left_out = self.left_out.iter();
        let mut named = left_out.filter(|it| it.kid.as_deref() == Some(kid));
        named.next().map(|it| it.reason)
    }
}

impl FromIterator<Jwk> for JwkSet {
    fn from_iter<I: IntoIterator<Item = Jwk>>(keys: I) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            left_out: Vec::new(),
        }
    }
}

/// Finds `kid` of a key that is left out, for whoever is to mend it.
fn kid_of(key: &RawValue) -> Option<String> {
    let members = json::raw_object(key.get().as_bytes()).ok()?.members;
    serde_json::from_str(members.get("kid")?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_set_or_refused() {
        let seeds: &[&[u8]] = &[
            include_bytes!("../testdata/jwks.json"),
            br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"a","alg":"EdDSA"}]}"#,
            br#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","use":"sig","key_ops":["verify"]}]}"#,
        ];
        introspectd_fuzz::check!(seeds, |bytes: &[u8]| {
            let Ok(set) = JwkSet::parse(bytes) else {
                return;
            };
            assert!(set.keys.len() + set.left_out.len() <= JwkSet::MAX_KEYS);
            // What is published of it is read as the same.
            let written = serde_json::to_vec(&set).unwrap();
            assert_eq!(JwkSet::parse(&written).unwrap().keys, set.keys);
            for key in &set.keys {
                assert_eq!(key.thumbprint().len(), 43);
                assert!(!key.verify(Algorithm::Es256, b"", &[1; 64]));
            }
        });
    }
}
