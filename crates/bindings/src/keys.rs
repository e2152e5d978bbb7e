use introspectd_core::{ProviderName, Revoked, TokenId, TokenValue};
use introspectd_keys::{Hash, Key};

/// Key of an entry: a keyed hash of the token and its provider's name, which cannot be matched to a
/// token without the keys.
pub(crate) type EntryKey = [u8; 32];

/// Keys that hash tokens and seal entries.
pub(crate) struct Keys {
    hash: Key,
    seal: Key,
    revoked_token: Key,
    revoked_record: Key,
    revocation_seal: Key,
    check: Key,
}

impl Keys {
    /// Derives the keys from a secret that must be hard to guess. Files contain what the keys made,
    /// so no context ever changes.
    pub(crate) fn derive(root: &[u8]) -> Self {
        Self {
            hash: Key::derive("introspectd bindings v1: hash of a token", root),
            seal: Key::derive("introspectd bindings v1: seal of an entry", root),
            revoked_token: Key::derive("introspectd revocations v1: hash of a token", root),
            revoked_record: Key::derive("introspectd revocations v1: hash of an id", root),
            revocation_seal: Key::derive("introspectd revocations v1: seal of an entry", root),
            check: Key::derive("introspectd bindings v1: check of the key", root),
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
    pub(crate) fn seal(&self, key: &EntryKey, end: i64, id: &TokenId) -> Hash {
        self.seal
            .parts()
            .fixed(key)
            .fixed(&end.to_le_bytes())
            .last(id.as_str().as_bytes())
    }

    /// Seal of a revocation.
    pub(crate) fn revocation_seal(&self, key: &EntryKey, end: i64) -> Hash {
        self.revocation_seal
            .parts()
            .fixed(key)
            .fixed(&end.to_le_bytes())
            .end()
    }

    /// Check value that identifies the keys without revealing them.
    pub(crate) fn check(&self) -> Hash {
        Hash::from(*self.check.expose())
    }
}

fn hash(key: &Key, provider: &ProviderName, text: &str) -> EntryKey {
    *key.parts()
        .field(provider.as_str().as_bytes())
        .last(text.as_bytes())
        .as_bytes()
}
