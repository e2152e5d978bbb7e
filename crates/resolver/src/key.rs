use std::hash::{Hash, Hasher};
use std::io;
use std::num::NonZeroU32;

use introspectd_core::{TokenId, TokenValue};
use introspectd_keys as keys;

/// Subject of a request: the token itself, or its id. The two never share a cache entry: an id
/// proves nothing about who holds the token.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Token(TokenValue),
    Id(TokenId),
}

/// Key of a cache entry: a keyed hash (BLAKE3, cut to 128 bits) of the subject's text.
///
/// Each provider and mode has a random key of its own, so the hash covers these, too. Without the
/// key no hash can be matched to a token or aimed at another's entry. A collision among ten million
/// entries is less likely than 1 in 10^24.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key([u8; 16]);

/// Hasher that takes the beginning of a [`Key`], which is a hash already, and one that no client
/// can choose.
#[derive(Clone, Default)]
pub(crate) struct AlreadyHashed(u64);

/// Keyed hash of a claim's value, cut to 24 bits. A collision costs a request to the provider and
/// never keeps a purged fact; without the key it cannot be aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(NonZeroU32);

/// Random keys of one provider.
pub(crate) struct KeyMaker {
    tokens: keys::Key,
    ids: keys::Key,
    tags: keys::Key,
}

impl KeyMaker {
    pub(crate) fn random() -> io::Result<Self> {
        Ok(Self {
            tokens: keys::Key::random()?,
            ids: keys::Key::random()?,
            tags: keys::Key::random()?,
        })
    }

    /// Makes keys of known secrets.
    #[cfg(feature = "parts")]
    pub(crate) fn of([tokens, ids, tags]: [[u8; 32]; 3]) -> Self {
        Self {
            tokens: tokens.into(),
            ids: ids.into(),
            tags: tags.into(),
        }
    }

    pub(crate) fn key(&self, subject: &Subject) -> Key {
        let (secret, text) = match subject {
            Subject::Token(token) => (&self.tokens, token.expose()),
            Subject::Id(id) => (&self.ids, id.as_str()),
        };
        Key(secret.hash(text.as_bytes()).truncated())
    }

    /// Returns the tag of a claim's value.
    pub(crate) fn tag(&self, value: &str) -> Tag {
        Tag::of(self.tags.hash(value.as_bytes()).truncated())
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .take(8)
            .fold(0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Key {
    /// Returns a number that is as random as the key, and the same for the same key.
    pub(crate) fn spread(&self) -> u8 {
        let [first, ..] = self.0;
        first
    }

    /// Returns the half that is not used as its hash.
    pub(crate) fn word(&self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Tag {
    /// Makes a tag of bits that are as random as a hash's.
    pub(crate) fn of(bits: [u8; 3]) -> Self {
        Self::from_bytes(bits).unwrap_or(Self(NonZeroU32::MIN))
    }

    pub(crate) fn from_bytes([a, b, c]: [u8; 3]) -> Option<Self> {
        NonZeroU32::new(u32::from_le_bytes([a, b, c, 0])).map(Self)
    }

    pub(crate) fn to_bytes(self) -> [u8; 3] {
        let [a, b, c, _] = self.bits().to_le_bytes();
        [a, b, c]
    }

    pub(crate) fn bits(self) -> u32 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(text: &str) -> Subject {
        Subject::Token(TokenValue::parse(text.to_owned()).unwrap())
    }

    #[test]
    fn token_and_id_of_the_same_text_have_different_keys() {
        let maker = KeyMaker::random().unwrap();
        let id = Subject::Id(TokenId::parse("x".to_owned()).unwrap());
        assert_ne!(maker.key(&id), maker.key(&token("x")));
    }

    #[test]
    fn providers_and_processes_have_different_keys() {
        let (one, two) = (KeyMaker::random().unwrap(), KeyMaker::random().unwrap());
        assert_ne!(one.key(&token("x")), two.key(&token("x")));
    }

    #[test]
    fn key_is_used_in_two_halves() {
        let key = Key(*b"\x01\x02\x03\x04\x05\x06\x07\x08abcdefgh");
        let mut hasher = AlreadyHashed::default();
        key.hash(&mut hasher);
        assert_eq!(hasher.finish(), 0x0102_0304_0506_0708);
        assert_eq!(key.spread(), 1);
        assert_eq!(key.word(), u64::from_le_bytes(*b"abcdefgh"));
    }

    #[test]
    fn tag_is_never_zero() {
        assert_eq!(Tag::of([0; 3]).bits(), 1);
        let tag = Tag::of([3, 2, 1]);
        assert_eq!((tag.bits(), tag.to_bytes()), (0x01_0203, [3, 2, 1]));
        assert_eq!(Tag::from_bytes([0; 3]), None);
    }

    proptest! {
        #[test]
        fn equal_keys_mean_equal_tokens(a in "[a-c]{1,4}", b in "[a-c]{1,4}") {
            let (tokens, ids, tags) = ([7; 32].into(), [8; 32].into(), [9; 32].into());
            let maker = KeyMaker { tokens, ids, tags };
            prop_assert_eq!(maker.key(&token(&a)) == maker.key(&token(&b)), a == b);
        }
    }
}
