use std::fmt;
use std::io;

use introspectd_core::TokenValue;
use introspectd_keys::Key;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

/// Maker of fingerprints under one key.
#[derive(Clone)]
pub struct Fingerprints(Key);

/// Keyed hash of a token (BLAKE3, cut to 64 bits): shows whether two lines are about one token, and
/// neither which it is nor, without the key, whether a guess is right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 8]);

/// Context that separates the key from any other use of the same secret.
const CONTEXT: &str = "introspectd 2025 fingerprints of tokens";

impl Fingerprints {
    /// Creates a maker with a key of this process alone.
    ///
    /// # Errors
    /// The system's, if it gives no random bytes.
    pub fn random() -> io::Result<Self> {
        Key::random().map(Self)
    }

    /// Creates a maker whose key is derived from a secret: all that share it give a token the same
    /// fingerprint.
    pub fn keyed(secret: &SecretString) -> Self {
        Self(Key::derive(CONTEXT, secret.expose_secret().as_bytes()))
    }

    /// Returns the fingerprint of a token.
    pub fn of(&self, token: &TokenValue) -> Fingerprint {
        self.of_text(token.expose())
    }

    /// Returns the fingerprint of a text that may be a token.
    pub fn of_text(&self, text: &str) -> Fingerprint {
        Fingerprint(self.0.hash(text.as_bytes()).truncated())
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints(***)")
    }
}

/// Writes 16 hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(text: &str) -> TokenValue {
        TokenValue::parse(text.to_owned()).unwrap()
    }

    fn keyed(secret: &str) -> Fingerprints {
        Fingerprints::keyed(&secret.to_owned().into())
    }

    #[test]
    fn a_key_gives_the_same_fingerprint_everywhere() {
        // Whoever searches old lines for it relies on this very value.
        assert_eq!(
            keyed("a key").of(&token("abc")).to_string(),
            "47a661cf2f9d5fca"
        );
    }

    #[test]
    fn another_key_gives_another_fingerprint() {
        let of = |fingerprints: Fingerprints| fingerprints.of(&token("abc"));
        assert_ne!(of(keyed("a key")), of(keyed("another key")));
        assert_ne!(
            of(Fingerprints::random().unwrap()),
            of(Fingerprints::random().unwrap())
        );
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", keyed("a key")), "Fingerprints(***)");
    }

    proptest! {
        #[test]
        fn only_the_same_token_has_the_same_fingerprint(a in "[a-c]{1,4}", b in "[a-c]{1,4}") {
            let fingerprints = keyed("a key");
            prop_assert_eq!(fingerprints.of(&token(&a)) == fingerprints.of(&token(&b)), a == b);
        }

        #[test]
        fn a_fingerprint_is_sixteen_digits_whatever_the_token(text in "\\PC{1,200}") {
            let fingerprint = keyed("a key").of(&token(&text)).to_string();
            prop_assert_eq!(fingerprint.len(), 16);
            prop_assert!(fingerprint.bytes().all(|it| it.is_ascii_hexdigit()));
        }
    }
}
