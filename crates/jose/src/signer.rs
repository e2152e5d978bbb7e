use std::fmt;

use introspectd_core::Members;
use ring::error::KeyRejected;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::pem::{SectionKind, from_buf};
use serde::Serialize;

use crate::algorithm::{Algorithm, KeyType};
use crate::base64url;
use crate::json;
use crate::jwk::{Jwk, Unusable};
use crate::key::{PublicKey, binary};

/// Private key that signs by one algorithm. It neither prints nor serializes.
pub struct Signer {
    key: PrivateKey,
    algorithm: Algorithm,
    public: Jwk,
}

/// Signer of tokens of one type, whose header is written once.
#[derive(Debug)]
pub struct TypedSigner {
    signer: Signer,
    header: String,
}

enum PrivateKey {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    P384(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// Reason why a private key cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// A text without a private key.
    #[error("there is no PEM block \"PRIVATE KEY\"")]
    NotPem,
    /// A form that is not read.
    #[error("\"EC PRIVATE KEY\" is not supported; convert it by openssl pkcs8 -topk8 -nocrypt")]
    Sec1,
    /// A JWK that cannot be read, or an RSA key whose size is out of bounds.
    #[error("the key cannot be used: {0}")]
    Unusable(#[from] Unusable),
    /// A JWK for another algorithm.
    #[error("the key is for another algorithm (alg)")]
    Algorithm,
    /// A key of another type than the algorithm's, out of bounds, or inconsistent. ring signs with
    /// RSA keys of 2048 to 4096 bits and exponents from 65537.
    #[error("the key does not fit the algorithm: {0}")]
    Rejected(String),
}

/// Failure to sign: the system has no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub struct SigningFailed;

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    typ: &'a str,
}

impl Signer {
    /// Reads the first private key of a PEM text: `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY`.
    ///
    /// # Errors
    /// [`InvalidKey`]. An encrypted key is not read.
    pub fn from_pem(pem: &str, algorithm: Algorithm) -> Result<Self, InvalidKey> {
        let mut rest = pem.as_bytes();
        while let Some((kind, der)) = from_buf(&mut rest).map_err(|_| InvalidKey::NotPem)? {
            if kind == SectionKind::PrivateKey {
                return Self::from_pkcs8(&der, algorithm);
            }
            if kind == SectionKind::RsaPrivateKey && algorithm.key_type() == KeyType::Rsa {
                return Self::new(
                    PrivateKey::Rsa(RsaKeyPair::from_der(&der)?.into()),
                    algorithm,
                );
            }
            if kind == SectionKind::EcPrivateKey {
                return Err(InvalidKey::Sec1);
            }
        }
        Err(InvalidKey::NotPem)
    }

    /// Reads a private key in PKCS#8. One for ECDSA must hold its public key, too.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn from_pkcs8(der: &[u8], algorithm: Algorithm) -> Result<Self, InvalidKey> {
        let ecdsa = |curve| EcdsaKeyPair::from_pkcs8(curve, der, &SystemRandom::new());
        let key = match algorithm.key_type() {
            KeyType::Rsa => PrivateKey::Rsa(RsaKeyPair::from_pkcs8(der)?.into()),
            KeyType::P256 => PrivateKey::P256(ecdsa(P256)?.into()),
            KeyType::P384 => PrivateKey::P384(ecdsa(P384)?.into()),
            // OpenSSL writes keys of the first version, without the public key.
            KeyType::Ed25519 => {
                PrivateKey::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)?.into())
            }
        };
        Self::new(key, algorithm)
    }

    /// Reads a private key that is a JWK, with its `kid`. One for RSA must have all its factors.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn from_jwk(json: &[u8], algorithm: Algorithm) -> Result<Self, InvalidKey> {
        let members = json::object(json).map_err(Unusable::from)?;
        let public = Jwk::of_pair(&members, "sign")?;
        if !public.verifies(algorithm) {
            return Err(InvalidKey::Algorithm);
        }
        let signer = Self::new(PrivateKey::read(&members, public.key())?, algorithm)?;
        Ok(match public.kid() {
            Some(kid) => signer.with_kid(kid.to_owned()),
            None => signer,
        })
    }

    /// Names the key in headers and in its public JWK.
    #[must_use]
    pub fn with_kid(mut self, kid: String) -> Self {
        self.public = self.public.with_kid(kid);
        self
    }

    /// Signs once: of RSA keys, ring checks all factors only by that.
    fn new(key: PrivateKey, algorithm: Algorithm) -> Result<Self, InvalidKey> {
        let public = Jwk::of_signer(key.public()?, algorithm);
        let signature = key.sign(algorithm, b"probe");
        if !signature.is_ok_and(|signature| public.verify(algorithm, b"probe", &signature)) {
            return Err(InvalidKey::Rejected("it cannot sign".to_owned()));
        }
        Ok(Self {
            key,
            algorithm,
            public,
        })
    }

    /// Returns the algorithm of all signatures.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public key, to be published.
    pub const fn jwk(&self) -> &Jwk {
        &self.public
    }

    /// Signs a payload, and returns the compact serialization. Its header has `alg`, `typ`, and
    /// `kid` if the key has one.
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, SigningFailed> {
        self.sign_after(&self.header(typ)?, payload)
    }

    /// Returns the encoded header of this `typ`, with the dot behind it.
    fn header(&self, typ: &str) -> Result<String, SigningFailed> {
        let header = Header {
            alg: self.algorithm.name(),
            kid: self.public.kid(),
            typ,
        };
        let header = serde_json::to_vec(&header).map_err(|_| SigningFailed)?;
        let mut text = base64url::encode(&header);
        text.push('.');
        Ok(text)
    }

    fn sign_after(&self, header: &str, payload: &[u8]) -> Result<String, SigningFailed> {
        // Room for a signature by RSA of 4096 bits.
        let mut text = String::with_capacity(header.len() + payload.len() * 4 / 3 + 700);
        text.push_str(header);
        base64url::append(payload, &mut text);
        let signature = self.key.sign(self.algorithm, text.as_bytes())?;
        text.push('.');
        base64url::append(&signature, &mut text);
        Ok(text)
    }
}

impl TypedSigner {
    /// Writes the header of all signatures with this `typ`.
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn new(signer: Signer, typ: &str) -> Result<Self, SigningFailed> {
        let header = signer.header(typ)?;
        Ok(Self { signer, header })
    }

    /// Signs a payload like [`Signer::sign`].
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, payload: &[u8]) -> Result<String, SigningFailed> {
        self.signer.sign_after(&self.header, payload)
    }

    /// Returns the key that signs.
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("algorithm", &self.algorithm)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

const P256: &EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
const P384: &EcdsaSigningAlgorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;

impl PrivateKey {
    /// Reads the private members that belong to a public key.
    fn read(members: &Members, public: &PublicKey) -> Result<Self, InvalidKey> {
        let part = |name| binary(members, name).map_err(Unusable::from);
        let ecdsa = |curve, point: &[u8]| {
            let pair = EcdsaKeyPair::from_private_key_and_public_key;
            let pair = pair(curve, &part("d")?, point, &SystemRandom::new())?;
            Ok::<_, InvalidKey>(Box::new(pair))
        };
        match public {
            PublicKey::Rsa { n, e } => {
                let pair = RsaKeyPair::from_components(&KeyPairComponents {
                    public_key: PublicKeyComponents { n, e },
                    d: part("d")?,
                    p: part("p")?,
                    q: part("q")?,
                    dP: part("dp")?,
                    dQ: part("dq")?,
                    qInv: part("qi")?,
                })?;
                Ok(Self::Rsa(pair.into()))
            }
            PublicKey::P256(point) => ecdsa(P256, point).map(Self::P256),
            PublicKey::P384(point) => ecdsa(P384, point).map(Self::P384),
            PublicKey::Ed25519(point) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&part("d")?, point)?;
                Ok(Self::Ed25519(pair.into()))
            }
        }
    }

    fn public(&self) -> Result<PublicKey, InvalidKey> {
        match self {
            Self::Rsa(pair) => {
                let PublicKeyComponents { n, e } = pair.public().into();
                Ok(PublicKey::rsa(n, e).map_err(Unusable::from)?)
            }
            Self::P256(pair) => Ok(PublicKey::P256(pair.public_key().as_ref().to_vec())),
            Self::P384(pair) => Ok(PublicKey::P384(pair.public_key().as_ref().to_vec())),
            Self::Ed25519(pair) => Ok(PublicKey::Ed25519(pair.public_key().as_ref().to_vec())),
        }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or(SigningFailed)?;
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .map_err(|_| SigningFailed)?;
                Ok(signature)
            }
            Self::P256(pair) | Self::P384(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

impl From<KeyRejected> for InvalidKey {
    fn from(rejected: KeyRejected) -> Self {
        Self::Rejected(rejected.to_string())
    }
}
