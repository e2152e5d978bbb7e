use std::io;

use introspectd_keys::Key;

/// Keyed hashes of what purges select: tokens, record ids and claims, the same for all providers.
///
/// Those of a fleet come from its secret, so that one replica's purge selects another's facts; a
/// replica without a fleet has random keys.
#[derive(Debug, Clone)]
pub struct Digests {
    tokens: Key,
    ids: Key,
    claims: Key,
}

/// Keyed hash (BLAKE3), cut to 128 bits. A collision among ten million is less likely than 1 in
/// 10^24.
pub type Digest = [u8; 16];

impl Digests {
    /// Creates digests of this process alone.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn random() -> io::Result<Self> {
        Ok(Self {
            tokens: Key::random()?,
            ids: Key::random()?,
            claims: Key::random()?,
        })
    }

    /// Derives the digests of all who have this secret.
    pub fn derive(secret: &[u8]) -> Self {
        Self {
            tokens: Key::derive("introspectd fleet: digest of a token", secret),
            ids: Key::derive("introspectd fleet: digest of a record id", secret),
            claims: Key::derive("introspectd fleet: digest of a claim", secret),
        }
    }

    /// Digest of a token.
    #[inline]
    pub fn token(&self, token: &str) -> Digest {
        self.tokens.hash(token.as_bytes()).truncated()
    }

    /// Digest of a record's id, as the subject of a request.
    pub fn id(&self, id: &str) -> Digest {
        self.ids.hash(id.as_bytes()).truncated()
    }

    /// Digest of a claim's value: `jti`, `sub` or `client_id`.
    pub fn claim(&self, value: &str) -> Digest {
        self.claims.hash(value.as_bytes()).truncated()
    }
}
