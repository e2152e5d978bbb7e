//! Keys that sign tokens, and tokens that no key signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use crate::fresh;

/// Key that signs tokens.
pub struct Key {
    kid: String,
    signer: Signer,
}

enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    /// A secret that whoever verifies has as well, or is tricked into taking for one.
    Hs256(hmac::Key),
}

impl Key {
    /// Makes a key for ES256, with a `kid` of its own.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn es256() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .expect("random bytes");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .expect("a key that was just made");
        Self::of(Signer::Es256(pair))
    }

    /// Makes a key for EdDSA, with a `kid` of its own.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn eddsa() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random bytes");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key that was just made");
        Self::of(Signer::EdDsa(pair))
    }

    /// Makes a key for HS256 of this secret.
    pub fn hs256(secret: &[u8]) -> Self {
        Self::of(Signer::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    fn of(signer: Signer) -> Self {
        let kid = fresh::hex(8);
        Self { kid, signer }
    }

    /// Returns the same key under another `kid`.
    #[must_use]
    pub fn named(self, kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            ..self
        }
    }

    /// Returns its name in a set.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns what an issuer publishes of it (RFC 7517, RFC 8037). A secret is never published.
    pub fn public(&self) -> Value {
        let mut members = match &self.signer {
            Signer::Es256(pair) => {
                let point = pair.public_key().as_ref();
                // After the byte that says that it is not compressed.
                let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": text(x), "y": text(y)})
            }
            Signer::EdDsa(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x})
            }
            Signer::Hs256(_) => json!({"kty": "oct", "alg": "HS256"}),
        };
        for (name, value) in [("use", "sig"), ("kid", self.kid())] {
            members
                .as_object_mut()
                .expect("an object")
                .insert(name.to_owned(), value.into());
        }
        members
    }

    /// Signs these claims, with these members of the header besides `alg` and `kid`. Null removes
    /// one.
    ///
    /// # Panics
    /// Panics if the system has no random bytes, or the header is no object.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let mut all = json!({"alg": self.algorithm(), "kid": self.kid});
        let members = all.as_object_mut().expect("an object");
        for (name, value) in header.as_object().expect("an object") {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        // Without the signature, a dot is at its end.
        let unsigned = compact(&all, claims, b"");
        let signed = unsigned.trim_end_matches('.').as_bytes();
        compact(&all, claims, &self.signature(signed))
    }

    fn algorithm(&self) -> &'static str {
        match &self.signer {
            Signer::Es256(_) => "ES256",
            Signer::EdDsa(_) => "EdDSA",
            Signer::Hs256(_) => "HS256",
        }
    }

    fn signature(&self, signed: &[u8]) -> Vec<u8> {
        match &self.signer {
            Signer::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed);
                signature.expect("random bytes").as_ref().to_vec()
            }
            Signer::EdDsa(pair) => pair.sign(signed).as_ref().to_vec(),
            Signer::Hs256(key) => hmac::sign(key, signed).as_ref().to_vec(),
        }
    }
}

/// Returns a token of these parts (RFC 7515 section 3.1), whoever made its signature.
pub fn compact(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| text(part.to_string().as_bytes()));
    format!("{header}.{claims}.{}", text(signature))
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
