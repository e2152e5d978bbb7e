use std::io;

use blake3::Hash;
use introspectd_core::{ProviderName, Revoked, TokenId, TokenValue};

/// Under what a token is kept: a keyed hash of it and its provider's name. Without the keys nobody can tell whether it
/// is that of a token in hand.
pub(crate) type Place = [u8; 32];

/// What hides tokens, and seals what is kept of them.
pub(crate) struct Keys {
    hash: [u8; 32],
    seal: [u8; 32],
    revoked_token: [u8; 32],
    revoked_record: [u8; 32],
    revocation_seal: [u8; 32],
    check: [u8; 32],
}

/// From which the keys are made, as random bytes.
pub(crate) fn random_root() -> io::Result<[u8; 32]> {
    let mut root = [0; 32];
    getrandom::fill(&mut root).map_err(io::Error::other)?;
    Ok(root)
}

impl Keys {
    /// Those that are made of this, which must be hard to guess.
    pub(crate) fn of(root: &[u8]) -> Self {
        Self {
            hash: blake3::derive_key("introspectd bindings v1: hash of a token", root),
            seal: blake3::derive_key("introspectd bindings v1: seal of an entry", root),
            revoked_token: blake3::derive_key("introspectd revocations v1: hash of a token", root),
            revoked_record: blake3::derive_key("introspectd revocations v1: hash of an id", root),
            revocation_seal: blake3::derive_key("introspectd revocations v1: seal of an entry", root),
            check: blake3::derive_key("introspectd bindings v1: check of the key", root),
        }
    }

    pub(crate) fn place(&self, provider: &ProviderName, token: &TokenValue) -> Place {
        hash(&self.hash, provider, token.expose())
    }

    /// Under what a revocation is kept.
    pub(crate) fn revoked_place(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Place {
        match revoked {
            Revoked::Token(token) => hash(&self.revoked_token, provider, token.expose()),
            Revoked::Record(id) => hash(&self.revoked_record, provider, id.as_str()),
        }
    }

    /// What only who has the keys can write: no change of the file binds a token to another id, or for longer.
    pub(crate) fn seal(&self, place: &Place, end: i64, id: &TokenId) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.seal);
        hasher.update(place).update(&end.to_le_bytes()).update(id.as_str().as_bytes());
        hasher.finalize().into()
    }

    /// The same of a revocation.
    pub(crate) fn revocation_seal(&self, place: &Place, end: i64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.revocation_seal);
        hasher.update(place).update(&end.to_le_bytes());
        hasher.finalize().into()
    }

    /// Tells these keys from others, and nothing about them.
    pub(crate) fn check(&self) -> &[u8; 32] {
        &self.check
    }
}

fn hash(key: &[u8; 32], provider: &ProviderName, text: &str) -> Place {
    let provider = provider.as_str().as_bytes();
    let mut hasher = blake3::Hasher::new_keyed(key);
    // Its length first: no name and text run into those of another pair.
    hasher.update(&(provider.len() as u64).to_le_bytes());
    hasher.update(provider).update(text.as_bytes());
    hasher.finalize().into()
}

/// In a time that does not tell where they differ.
pub(crate) fn equal(one: [u8; 32], other: [u8; 32]) -> bool {
    Hash::from_bytes(one) == Hash::from_bytes(other)
}
