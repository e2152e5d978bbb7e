use std::fmt;
use std::io;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

use crate::Key;

/// Sealer of texts that others hold: they can neither read nor change one, nor use it for another
/// purpose or owner (ChaCha20-Poly1305).
///
/// Nonces are random: 2^32 seals of one key make a repeated nonce likely enough to count. That is a
/// thousand a second for seven weeks.
pub struct Sealer {
    key: LessSafeKey,
    purpose: &'static str,
    random: SystemRandom,
}

impl Sealer {
    /// Creates a sealer for one purpose. Purposes of one key must not begin with each other.
    ///
    /// # Errors
    /// Fails if the cipher refuses the key, which it never does.
    pub fn new(key: &Key, purpose: &'static str) -> io::Result<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.expose()).map_err(refused)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            purpose,
            random: SystemRandom::new(),
        })
    }

    /// Seals a text for one owner.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes, or if the text is longer than 256 GiB.
    pub fn seal(&self, owner: &str, mut text: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(refused)?;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, self.context(owner), &mut text)
            .map_err(refused)?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Opens a text; `None` unless it was sealed by this key, for this purpose and owner.
    pub fn open<'a>(&self, owner: &str, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key
            .open_in_place(nonce, self.context(owner), text)
            .ok()
            .map(|text| &*text)
    }

    fn context(&self, owner: &str) -> Aad<String> {
        Aad::from([self.purpose, owner].concat())
    }
}

fn refused(_: Unspecified) -> io::Error {
    io::Error::other("the system gives no random bytes")
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(purpose: &'static str) -> Sealer {
        Sealer::new(&Key::from([7; 32]), purpose).unwrap()
    }

    #[test]
    fn sealer_shows_its_purpose_and_no_key() {
        let shown = format!("{:?}", sealer("a"));
        assert_eq!(shown, r#"Sealer { purpose: "a", .. }"#);
    }

    #[test]
    fn sealed_text_opens_for_its_key_purpose_and_owner_only() {
        let sealed = sealer("a\n").seal("owner", b"text".to_vec()).unwrap();
        let open = |sealer: Sealer, owner: &str| {
            sealer.open(owner, &mut sealed.clone()).map(<[u8]>::to_vec)
        };
        assert_eq!(open(sealer("a\n"), "owner"), Some(b"text".to_vec()));
        for other in ["", "Owner", "owner2", "owne"] {
            assert_eq!(open(sealer("a\n"), other), None, "{other}");
        }
        assert_eq!(open(sealer("b\n"), "owner"), None);
        assert_eq!(
            open(Sealer::new(&Key::from([8; 32]), "a\n").unwrap(), "owner"),
            None
        );
    }

    #[test]
    fn changed_or_shortened_text_does_not_open() {
        let sealed = sealer("a\n").seal("owner", b"text".to_vec()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer("a\n").open("owner", &mut forged), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(
                sealer("a\n").open("owner", &mut sealed.clone()[..length]),
                None,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn equal_texts_are_sealed_differently() {
        let seal = || sealer("a\n").seal("owner", b"text".to_vec()).unwrap();
        assert_ne!(seal(), seal());
    }

    proptest! {
        #[test]
        fn sealing_is_undone_by_opening(text: Vec<u8>, owner: String) {
            let mut sealed = sealer("a\n").seal(&owner, text.clone()).unwrap();
            prop_assert_eq!(sealer("a\n").open(&owner, &mut sealed), Some(text.as_slice()));
        }

        #[test]
        fn arbitrary_bytes_do_not_open(mut bytes: Vec<u8>) {
            prop_assert_eq!(sealer("a\n").open("owner", &mut bytes), None);
        }
    }
}
