use std::collections::BTreeMap;
use std::fmt;

use introspectd_core::{Json, Members};
use serde::{Serialize, Serializer};

use crate::algorithm::Algorithm;
use crate::hash::sha256;
use crate::json::{self, Unreadable};
use crate::key::{Defect, PublicKey};

/// Public key that verifies signatures, as a JSON Web Key (RFC 7517).
///
/// Serialized, it is a JWK with `use`, and with `kid` and `alg` where it has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Jwk {
    key: PublicKey,
    kid: Option<String>,
    /// Only algorithm that the key is for; `None`: each one of its type.
    algorithm: Option<Algorithm>,
}

/// Reason why a JWK verifies nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// More than [`Jwk::MAX_BYTES`].
    #[error("the JWK is larger than 64 KiB")]
    TooLarge,
    /// No object, or a member that is repeated.
    #[error("the JWK is {0}")]
    Unreadable(#[from] Unreadable),
    /// A key type or curve other than RSA, P-256, P-384 and Ed25519.
    #[error("the key type or curve is not supported")]
    Type,
    /// A symmetric key: who verifies with it could sign.
    #[error("the key is symmetric")]
    Symmetric,
    /// Private members, in a place where everybody may read them: its signatures prove nothing.
    #[error("the JWK has private members")]
    Private,
    /// A `use` other than `sig`.
    #[error("the key is not for signatures (use)")]
    Use,
    /// A `key_ops` without the operation that is wanted.
    #[error("the key is not for this operation (key_ops)")]
    Operations,
    /// An `alg` that keys of this type do not verify.
    #[error("the key is for an algorithm that does not fit it (alg)")]
    Algorithm,
    /// An RSA modulus of less than 2048 or more than 8192 bits.
    #[error("the RSA key has less than 2048 or more than 8192 bits")]
    RsaSize,
    /// A member that is missing or invalid.
    #[error("the member {0} is missing or invalid")]
    Member(&'static str),
}

/// Members of RFC 7518 section 6 that only the owner of a key may know.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl Jwk {
    /// Most bytes of a JWK, with all the certificates that it may bring.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads a public key. Members that are not known are ignored, `x5u` and `x5c` among them.
    ///
    /// # Errors
    /// [`Unusable`] for anything but one key that verifies.
    pub fn parse(json: &[u8]) -> Result<Self, Unusable> {
        if json.len() > Self::MAX_BYTES {
            return Err(Unusable::TooLarge);
        }
        Self::read(&json::object(json)?)
    }

    pub(crate) fn read(members: &Members) -> Result<Self, Unusable> {
        let jwk = Self::of_pair(members, "verify")?;
        if PRIVATE.iter().any(|name| members.get(name).is_some()) {
            return Err(Unusable::Private);
        }
        Ok(jwk)
    }

    /// Reads the public part of a key that may have private members, and is for this operation.
    pub(crate) fn of_pair(members: &Members, operation: &str) -> Result<Self, Unusable> {
        let key = PublicKey::read(members)?;
        if text(members, "use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(Unusable::Use);
        }
        if !allows(members, operation)? {
            return Err(Unusable::Operations);
        }
        let algorithm = match text(members, "alg")? {
            None => None,
            Some(name) => match Algorithm::parse(name) {
                Some(algorithm) if algorithm.key_type() == key.key_type() => Some(algorithm),
                Some(_) | None => return Err(Unusable::Algorithm),
            },
        };
        let kid = text(members, "kid")?.map(str::to_owned);
        Ok(Self {
            key,
            kid,
            algorithm,
        })
    }

    pub(crate) const fn of_signer(key: PublicKey, algorithm: Algorithm) -> Self {
        Self {
            key,
            kid: None,
            algorithm: Some(algorithm),
        }
    }

    pub(crate) fn with_kid(self, kid: String) -> Self {
        Self {
            kid: Some(kid),
            ..self
        }
    }

    pub(crate) const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns `kid`, by which the headers of signatures name the key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns `alg`, the only algorithm that the key is for.
    pub const fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Returns true if the key verifies signatures by this algorithm.
    pub fn verifies(&self, algorithm: Algorithm) -> bool {
        algorithm.key_type() == self.key.key_type()
            && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Returns true if this key made the signature of the message.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verifies(algorithm) && self.key.verify(algorithm, message, signature)
    }

    /// Returns the thumbprint: SHA-256 in base64url (RFC 7638), the `jkt` of RFC 9449.
    pub fn thumbprint(&self) -> String {
        // Names and values have no character that JSON would escape.
        let members: Vec<String> = self
            .key
            .members()
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        sha256(format!("{{{}}}", members.join(",")).as_bytes())
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members: BTreeMap<&str, String> = self.key.members().into_iter().collect();
        members.insert("use", "sig".to_owned());
        members.extend(self.kid.clone().map(|kid| ("kid", kid)));
        members.extend(self.algorithm.map(|only| ("alg", only.to_string())));
        serializer.collect_map(members)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("type", &self.key.key_type())
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl From<Defect> for Unusable {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Type => Self::Type,
            Defect::Symmetric => Self::Symmetric,
            Defect::Member(name) => Self::Member(name),
            Defect::RsaSize => Self::RsaSize,
        }
    }
}

/// Reads an optional member that is text.
fn text<'a>(members: &'a Members, name: &'static str) -> Result<Option<&'a str>, Unusable> {
    match members.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Unusable::Member(name)),
    }
}

/// Returns true if `key_ops` (RFC 7517 section 4.3) has the operation, or is absent.
fn allows(members: &Members, operation: &str) -> Result<bool, Unusable> {
    match members.get("key_ops") {
        None => Ok(true),
        Some(Json::Array(operations)) => {
            Ok(operations.iter().any(|it| it.as_str() == Some(operation)))
        }
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => {
            Err(Unusable::Member("key_ops"))
        }
    }
}
