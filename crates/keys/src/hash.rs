use std::fmt;

/// Keyed hash (BLAKE3), compared in constant time. Without the key it cannot be matched to a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(blake3::Hash);

/// Hash of several parts in progress.
///
/// No two lists of parts give the same bytes: a part has a fixed length, or its length before it,
/// or is the last.
pub struct Parts(blake3::Hasher);

impl Hash {
    #[inline]
    pub(crate) fn of(hash: blake3::Hash) -> Self {
        Self(hash)
    }

    /// Returns all of it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the first `N` bytes, at most 32.
    #[inline]
    pub fn truncated<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= 32, "a hash has 32 bytes") };
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(self.0.as_bytes()) {
            *to = *from;
        }
        bytes
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl Parts {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(blake3::Hasher::new_keyed(key))
    }

    /// Adds a part whose length is always the same.
    #[must_use]
    pub fn fixed<const N: usize>(mut self, part: &[u8; N]) -> Self {
        self.0.update(part);
        self
    }

    /// Adds a part of any length, with its length before it.
    #[must_use]
    pub fn field(mut self, part: &[u8]) -> Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds the last part, which alone needs no length.
    pub fn last(mut self, part: &[u8]) -> Hash {
        self.0.update(part);
        self.end()
    }

    /// Returns the hash of all parts.
    pub fn end(self) -> Hash {
        Hash(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use crate::Key;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::derive("introspectd keys: a test", b"a secret")
    }

    /// Files of bindings and fingerprints in old logs rely on these very bytes.
    #[test]
    fn hashes_of_one_key_never_change() {
        let hash = key().hash(b"abc");
        assert_eq!(
            format!("{hash:?}"),
            "18f04518941bb38861af4f24b15034397e2717abd3b93fc160a3540af834f093"
        );
        assert_eq!(hash.truncated(), [0x18, 0xf0, 0x45, 0x18]);
        let parts = key().parts().fixed(&[1, 2]).field(b"name").last(b"text");
        let bytes = b"\x01\x02\x04\0\0\0\0\0\0\0nametext";
        assert_eq!(
            parts.as_bytes(),
            blake3::keyed_hash(key().expose(), bytes).as_bytes()
        );
    }

    proptest! {
        #[test]
        fn texts_cannot_move_between_parts(
            a in "[a-b]{0,3}",
            b in "[a-b]{0,3}",
            c in "[a-b]{0,3}",
            d in "[a-b]{0,3}",
        ) {
            let hash = |name: &str, text: &str| {
                key().parts().field(name.as_bytes()).last(text.as_bytes())
            };
            prop_assert_eq!(hash(&a, &b) == hash(&c, &d), (&a, &b) == (&c, &d));
        }
    }
}
