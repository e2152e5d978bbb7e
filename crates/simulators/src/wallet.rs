use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Map, Value, json};

/// Client with a key of its own, which makes DPoP proofs (RFC 9449 section 4.2).
pub struct Wallet(EcdsaKeyPair);

/// Header and claims of a proof, to be changed before it is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Header.
    pub header: Map<String, Value>,
    /// Claims.
    pub claims: Map<String, Value>,
}

impl Wallet {
    /// Generates a key.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn generate() -> io::Result<Self> {
        let failed = |_| io::Error::other("no key");
        let (curve, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).map_err(failed)?;
        let key = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random);
        key.map(Self).map_err(|_| io::Error::other("no key"))
    }

    fn coordinates(&self) -> (String, String) {
        // Uncompressed: 4, x, y.
        let point = self.0.public_key().as_ref();
        let (x, y) = point.split_at(point.len().div_ceil(2));
        let x = x.strip_prefix(&[4]).unwrap_or(x);
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }

    /// Returns `jkt` (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        let json = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        hash(json.as_bytes())
    }

    /// Drafts a proof for `POST https://api.example/orders`.
    pub fn draft(&self, token: &str, jti: &str, now: i64) -> Draft {
        let (x, y) = self.coordinates();
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let header = [
            ("typ", json!("dpop+jwt")),
            ("alg", json!("ES256")),
            ("jwk", jwk),
        ];
        let claims = [
            ("jti", json!(jti)),
            ("htm", json!("POST")),
            ("htu", json!("https://api.example/orders")),
            ("iat", json!(now)),
            ("ath", json!(hash(token.as_bytes()))),
        ];
        let owned = |(name, value): (&str, Value)| (name.to_owned(), value);
        Draft {
            header: header.map(owned).into_iter().collect(),
            claims: claims.map(owned).into_iter().collect(),
        }
    }

    /// Signs a proof. Without random bytes its signature is empty.
    pub fn sign(&self, draft: &Draft) -> String {
        let encode = |part: &Map<String, Value>| {
            URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string())
        };
        let signed = format!("{}.{}", encode(&draft.header), encode(&draft.claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_or_else(|_| String::new(), |it| URL_SAFE_NO_PAD.encode(it));
        format!("{signed}.{signature}")
    }
}

/// Returns SHA-256 in base64url: `ath` of a token, `x5t#S256` of a certificate.
pub fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

impl Draft {
    /// Sets a member of the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Removes a claim or a member of the header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self.header.remove(name);
        self
    }
}
