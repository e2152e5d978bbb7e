use std::io;

use blake3::Hash;
use introspectd_core::{ProviderName, Revoked, TokenId, TokenValue};

/// Key of an entry: a keyed hash of the token and its provider's name, which cannot be matched to a
/// token without the keys.
pub(crate) type EntryKey = [u8; 32];

/// Keys that hash tokens and seal entries.
pub(crate) struct Keys {
    hash: [u8; 32],
    seal: [u8; 32],
    revoked_token: [u8; 32],
    revoked_record: [u8; 32],
    revocation_seal: [u8; 32],
    check: [u8; 32],
}

/// Generates random bytes to derive the keys from.
pub(crate) fn random_root() -> io::Result<[u8; 32]> {
    let mut root = [0; 32];
    getrandom::fill(&mut root).map_err(io::Error::other)?;
    Ok(root)
}

impl Keys {
    /// Derives the keys from a secret that must be hard to guess.
    pub(crate) fn derive(root: &[u8]) -> Self {
        Self {
            hash: blake3::derive_key("introspectd bindings v1: hash of a token", root),
            seal: blake3::derive_key("introspectd bindings v1: seal of an entry", root),
            revoked_token: blake3::derive_key("introspectd revocations v1: hash of a token", root),
            revoked_record: blake3::derive_key("introspectd revocations v1: hash of an id", root),
            revocation_seal: blake3::derive_key("introspectd revocations v1: seal of an entry", root),
            check: blake3::derive_key("introspectd bindings v1: check of the key", root),
        }
    }

    pub(crate) fn entry_key(&self, provider: &ProviderName, token: &TokenValue) -> EntryKey {
        hash(&self.hash, provider, token.expose())
    }

    /// Key of a revocation's entry.
    pub(crate) fn revocation_key(&self, provider: &ProviderName, revoked: Revoked<'_>) -> EntryKey {
        match revoked {
            Revoked::Token(token) => hash(&self.revoked_token, provider, token.expose()),
            Revoked::Record(id) => hash(&self.revoked_record, provider, id.as_str()),
        }
    }

    /// Seal that requires the keys: no change of the file can bind a token to another id, or for
    /// longer.
    pub(crate) fn seal(&self, key: &EntryKey, end: i64, id: &TokenId) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.seal);
        hasher.update(key).update(&end.to_le_bytes()).update(id.as_str().as_bytes());
        hasher.finalize().into()
    }

    /// Seal of a revocation.
    pub(crate) fn revocation_seal(&self, key: &EntryKey, end: i64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.revocation_seal);
        hasher.update(key).update(&end.to_le_bytes());
        hasher.finalize().into()
    }

    /// Check value that identifies the keys without revealing them.
    pub(crate) fn check(&self) -> &[u8; 32] {
        &self.check
    }
}

fn hash(key: &[u8; 32], provider: &ProviderName, text: &str) -> EntryKey {
    let provider = provider.as_str().as_bytes();
    let mut hasher = blake3::Hasher::new_keyed(key);
    // Length-prefixed, so that no two pairs of name and text give the same bytes.
    hasher.update(&(provider.len() as u64).to_le_bytes());
    hasher.update(provider).update(text.as_bytes());
    hasher.finalize().into()
}

/// Compares in constant time.
pub(crate) fn equal(one: [u8; 32], other: [u8; 32]) -> bool {
    Hash::from_bytes(one) == Hash::from_bytes(other)
}
