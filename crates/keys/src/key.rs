use std::fmt;
use std::io;

use crate::{Hash, Parts};

/// Secret key of 256 bits.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// Generates a key of this process alone.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// Derives a key from a secret that must be hard to guess. Each context gives another key; a
    /// context is written once in the program, and never changes while its outputs are stored.
    pub fn derive(context: &'static str, secret: &[u8]) -> Self {
        Self(blake3::derive_key(context, secret))
    }

    /// Hashes one text.
    #[inline]
    pub fn hash(&self, text: &[u8]) -> Hash {
        Hash::of(blake3::keyed_hash(&self.0, text))
    }

    /// Begins a hash of several parts.
    pub fn parts(&self) -> Parts {
        Parts::new(&self.0)
    }

    /// Exposes the secret. The caller is responsible for where it goes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", Key::from([7; 32])), "Key(***)");
    }

    #[test]
    fn contexts_and_secrets_give_different_keys() {
        let keys = [("a", "s"), ("b", "s"), ("a", "t")]
            .map(|(context, secret)| *Key::derive(context, secret.as_bytes()).expose());
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }

    #[test]
    fn random_keys_differ() {
        assert_ne!(
            Key::random().unwrap().expose(),
            Key::random().unwrap().expose()
        );
    }
}
