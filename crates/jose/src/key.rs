//! Public keys by type, and what each one verifies.

use introspectd_core::{Json, Members};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

use crate::algorithm::{Algorithm, KeyType};
use crate::base64url;

/// Public key whose parts have the right form.
///
/// ring looks at each verification that a point lies on its curve, so a point elsewhere is a key
/// that verifies nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Uncompressed points: 4, x, y.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Defect of the members that make the key itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    Type,
    Symmetric,
    Member(&'static str),
    RsaSize,
}

/// Bits of an RSA modulus. Below, it can be factored; above, a signature costs too much to verify.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Largest RSA exponent that ring takes, of 33 bits, which bounds the time of a verification.
const MAX_EXPONENT: u64 = 0x1_ffff_ffff;

impl PublicKey {
    /// Reads `kty`, `crv` and the members of that type (RFC 7518 section 6, RFC 8037 section 2).
    pub(crate) fn read(members: &Members) -> Result<Self, Defect> {
        let text = |name| members.get(name).and_then(Json::as_str);
        match (text("kty"), text("crv")) {
            (None, _) => Err(Defect::Member("kty")),
            (Some("oct"), _) => Err(Defect::Symmetric),
            (Some("RSA"), _) => Self::rsa(integer(members, "n")?, integer(members, "e")?),
            (Some("EC" | "OKP"), None) => Err(Defect::Member("crv")),
            (Some("EC"), Some("P-256")) => read_point(members, 32).map(Self::P256),
            (Some("EC"), Some("P-384")) => read_point(members, 48).map(Self::P384),
            (Some("OKP"), Some("Ed25519")) => octets(members, "x", 32).map(Self::Ed25519),
            (Some(_), _) => Err(Defect::Type),
        }
    }

    /// Checks an RSA key. ring refuses the same later, but rounds the size up to bytes.
    pub(crate) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, Defect> {
        if !RSA_BITS.contains(&bits(&n)) {
            return Err(Defect::RsaSize);
        }
        if !is_odd(&n) {
            return Err(Defect::Member("n"));
        }
        let exponent = e.iter().try_fold(0_u64, |value, byte| {
            Some(value.checked_mul(256)? + u64::from(*byte))
        });
        match exponent {
            Some(3..=MAX_EXPONENT) if is_odd(&e) => Ok(Self::Rsa { n, e }),
            Some(_) | None => Err(Defect::Member("e")),
        }
    }

    pub(crate) const fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::P256(_) => KeyType::P256,
            Self::P384(_) => KeyType::P384,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// Returns true if this key made the signature by this algorithm, which must be one of its
    /// type.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let by = |verification: &'static dyn VerificationAlgorithm, key: &[u8]| {
            let key = UnparsedPublicKey::new(verification, key);
            key.verify(message, signature).is_ok()
        };
        if algorithm.key_type() != self.key_type() {
            return false;
        }
        match self {
            Self::Rsa { n, e } => rsa_parameters(algorithm).is_some_and(|parameters| {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }),
            Self::P256(point) => by(&ECDSA_P256_SHA256_FIXED, point),
            Self::P384(point) => by(&ECDSA_P384_SHA384_FIXED, point),
            Self::Ed25519(point) => by(&ED25519, point),
        }
    }

    /// Returns the required members of the JWK, in the order of RFC 7638.
    pub(crate) fn members(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Rsa { n, e } => vec![
                ("e", base64url::encode(e)),
                ("kty", "RSA".to_owned()),
                ("n", base64url::encode(n)),
            ],
            Self::P256(point) => point_members("P-256", point),
            Self::P384(point) => point_members("P-384", point),
            Self::Ed25519(point) => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", base64url::encode(point)),
            ],
        }
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

/// Reads `Base64urlUInt` (RFC 7518 section 2): as few octets as the number needs.
fn integer(members: &Members, name: &'static str) -> Result<Vec<u8>, Defect> {
    let bytes = binary(members, name)?;
    match bytes.first() {
        None | Some(0) => Err(Defect::Member(name)),
        Some(_) => Ok(bytes),
    }
}

fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |first| first.leading_zeros());
    number.len() * 8 - leading as usize
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

/// Reads an uncompressed point. Coordinates have their full length, with zeros in front.
fn read_point(members: &Members, length: usize) -> Result<Vec<u8>, Defect> {
    let x = octets(members, "x", length)?;
    let y = octets(members, "y", length)?;
    Ok([&[4], x.as_slice(), &y].concat())
}

fn point_members(curve: &str, point: &[u8]) -> Vec<(&'static str, String)> {
    let coordinates = point.split_first().map_or(point, |(_, rest)| rest);
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    vec![
        ("crv", curve.to_owned()),
        ("kty", "EC".to_owned()),
        ("x", base64url::encode(x)),
        ("y", base64url::encode(y)),
    ]
}

fn octets(members: &Members, name: &'static str, length: usize) -> Result<Vec<u8>, Defect> {
    let bytes = binary(members, name)?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(Defect::Member(name))
    }
}

/// Reads a member in base64url.
pub(crate) fn binary(members: &Members, name: &'static str) -> Result<Vec<u8>, Defect> {
    let text = members.get(name).and_then(Json::as_str);
    text.and_then(base64url::decode).ok_or(Defect::Member(name))
}
