use std::fmt;
use std::io;

use introspectd_keys::{Key, Sealer};

use crate::digest::Digests;

/// Secret that a fleet shares, as bytes: 32 or more, hard to guess.
#[derive(Clone)]
pub struct FleetSecret(Box<[u8]>);

/// Keys that are derived from one secret, each for one purpose.
pub(crate) struct Keys {
    pub(crate) digests: Digests,
    /// Names of facts.
    pub(crate) names: Key,
    /// Keys of facts' values, which take the token as well.
    pub(crate) values: Key,
    pub(crate) leases: Key,
    /// Names of messages that were acted upon.
    pub(crate) seen: Key,
    /// Names of proofs that were used.
    pub(crate) proofs: Key,
    /// Nonces of proofs.
    pub(crate) nonces: Key,
    pub(crate) messages: Sealer,
}

/// Keys of the secret in force, and of the one before while that rotates.
pub(crate) struct Keyring {
    pub(crate) current: Keys,
    pub(crate) previous: Option<Keys>,
}

impl FleetSecret {
    /// Shortest secret in bytes.
    pub const MIN_BYTES: usize = 32;

    /// Takes a secret; `None` if it is too short.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::MIN_BYTES).then(|| Self(bytes.into()))
    }
}

impl fmt::Debug for FleetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetSecret(***)")
    }
}

impl Keys {
    fn derive(FleetSecret(secret): &FleetSecret) -> io::Result<Self> {
        Ok(Self {
            digests: Digests::derive(secret),
            names: Key::derive("introspectd fleet: name of a fact", secret),
            values: Key::derive("introspectd fleet: value of a fact", secret),
            leases: Key::derive("introspectd fleet: lease of a fact", secret),
            seen: Key::derive("introspectd fleet: message that was acted upon", secret),
            proofs: Key::derive("introspectd fleet: proof that was used", secret),
            nonces: Key::derive("introspectd fleet: nonce of a proof", secret),
            messages: Sealer::new(
                &Key::derive("introspectd fleet: entry of a stream", secret),
                "message 1\n",
            )?,
        })
    }
}

impl Keyring {
    /// Derives all keys.
    ///
    /// # Errors
    /// Fails if the cipher refuses a key, which it never does.
    pub(crate) fn new(current: &FleetSecret, previous: Option<&FleetSecret>) -> io::Result<Self> {
        Ok(Self {
            current: Keys::derive(current)?,
            previous: previous.map(Keys::derive).transpose()?,
        })
    }

    /// Iterates over the keys, those in force first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Keys> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("rotates", &self.previous.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secret_is_none_and_none_prints() {
        assert!(FleetSecret::new(&[7; 31]).is_none());
        let secret = FleetSecret::new(b"a secret that is long enough 123").unwrap();
        let ring = Keyring::new(&secret, None).unwrap();
        let shown = format!("{secret:?} {ring:?}");
        assert_eq!(shown, "FleetSecret(***) Keyring { rotates: false, .. }");
    }
}
