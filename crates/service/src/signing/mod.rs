//! Signed answers (RFC 9701): the keys, and the claims around an answer.

mod threads;

use std::fmt;
use std::io;

use introspectd_core::Timestamp;
use introspectd_files::Renewed;
use introspectd_jose::{Algorithm, JwkSet, TypedSigner};
use serde_json::to_string;

use crate::refusal::{Refusal, ServiceFault};
use threads::{Places, Threads};

/// Private key that signs answers. A file that holds it may be renewed in place.
pub struct SigningKey {
    algorithm: Algorithm,
    current: Renewed<TypedSigner>,
}

/// Keys of a configuration, the first of which signs where a caller wants no other.
#[derive(Debug)]
pub struct Signing {
    keys: Vec<SigningKey>,
    /// `iss`, as JSON.
    issuer: String,
    /// Threads for slow algorithms, if there is a key for one.
    threads: Option<Threads>,
}

/// Wishes of a caller for its signed answers.
#[derive(Debug, Clone, Default)]
pub struct SignedAs {
    /// Algorithm; `None` for that of the first key.
    pub algorithm: Option<Algorithm>,
    /// `aud` in place of the caller's name.
    pub audience: Option<String>,
    /// Places for its signatures that take long.
    pub places: Places,
}

const INACTIVE: &[u8] = br#"{"active":false}"#;

impl SigningKey {
    /// `typ` of a signed answer (RFC 9701 section 5).
    pub const TYPE: &str = "token-introspection+jwt";

    /// Takes a signer by this algorithm, of answers' [`SigningKey::TYPE`].
    pub fn new(algorithm: Algorithm, current: Renewed<TypedSigner>) -> Self {
        Self { algorithm, current }
    }

    /// Returns the algorithm of its signatures.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Signing {
    /// Signs as `issuer` by these keys; by none, nothing is signed.
    ///
    /// # Errors
    /// The system's, if it gives no thread for a key that signs slowly.
    pub fn new(issuer: &str, keys: Vec<SigningKey>) -> io::Result<Option<Self>> {
        if keys.is_empty() {
            return Ok(None);
        }
        let is_slow = keys.iter().any(|key| !key.algorithm.signs_fast());
        Ok(Some(Self {
            keys,
            issuer: to_string(issuer)?,
            threads: is_slow.then(Threads::start).transpose()?,
        }))
    }

    /// Lists the algorithms of all keys by name, that of the first key first.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for name in self.keys.iter().map(|key| key.algorithm.name()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns the public keys as a JWK Set (RFC 7517), as JSON.
    pub fn jwk_set(&self) -> Vec<u8> {
        let keys = self.keys.iter().map(|key| key.current.get());
        let keys: JwkSet = keys.map(|key| key.signer().jwk().clone()).collect();
        // Only a map with keys that are not strings could fail, and there is none.
        serde_json::to_vec(&keys).unwrap_or_else(|_| br#"{"keys":[]}"#.to_vec())
    }

    /// Signs an answer for the caller of this name; no body is that about an inactive token. The
    /// body is embedded as it is: it is JSON that we wrote.
    ///
    /// Neither `sub` nor `exp` is at the top, so that nobody takes the answer for an access token.
    /// Cancel-safe: a signature that nobody waits for is not made, if it takes long.
    ///
    /// # Errors
    /// [`CallerFault::RateLimited`] over the caller's places for signatures that take long,
    /// [`ServiceFault::NotSigned`] if the system has no random bytes.
    ///
    /// [`CallerFault::RateLimited`]: crate::refusal::CallerFault::RateLimited
    pub async fn sign(
        &self,
        name: &str,
        wishes: &SignedAs,
        body: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<String, Refusal> {
        let mut keys = self.keys.iter();
        let key = match wishes.algorithm {
            Some(algorithm) => keys.find(|key| key.algorithm == algorithm),
            None => keys.next(),
        };
        let key = key.ok_or(ServiceFault::NotSigned)?;
        let audience = wishes.audience.as_deref().unwrap_or(name);
        let audience = to_string(audience).map_err(|_| ServiceFault::NotSigned)?;
        let payload = self.payload(&audience, body.unwrap_or(INACTIVE), at);
        let signer = key.current.get();
        match self
            .threads
            .as_ref()
            .filter(|_| !key.algorithm.signs_fast())
        {
            None => signer
                .sign(&payload)
                .map_err(|_| ServiceFault::NotSigned.into()),
            Some(threads) => threads.sign(&wishes.places, signer, payload).await,
        }
    }

    fn payload(&self, audience: &str, body: &[u8], at: Timestamp) -> Vec<u8> {
        let at = at.seconds().to_string();
        [
            br#"{"iss":"#,
            self.issuer.as_bytes(),
            br#","aud":"#,
            audience.as_bytes(),
            br#","iat":"#,
            at.as_bytes(),
            br#","token_introspection":"#,
            body,
            b"}",
        ]
        .concat()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.algorithm).finish()
    }
}
