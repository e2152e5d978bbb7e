use std::hash::{Hash, Hasher};
use std::io;
use std::num::NonZeroU32;

use introspectd_core::{TokenId, TokenValue};
use introspectd_fleet::{Digest, Digests};
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
/// The digest is the same for all providers of a process or fleet, and each provider's slot flips
/// random bits of its own in it, so that facts of two slots never meet. Without the digest's key no
/// hash can be matched to a token or aimed at another's entry. A collision among ten million
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

/// Maker of the keys of one provider's slot.
pub(crate) struct KeyMaker {
    digests: Digests,
    /// Bits that are flipped in each digest.
    mask: Digest,
}

impl KeyMaker {
    /// Creates the maker of a slot.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn new(digests: Digests) -> io::Result<Self> {
        let [_, rest @ ..]: Digest = keys::Key::random()?.hash(b"mask").truncated();
        let mut mask = [0; 16];
        // The first byte stays: replicas agree on what it spreads.
        mask.iter_mut()
            .skip(1)
            .zip(rest)
            .for_each(|(to, from)| *to = from);
        Ok(Self { digests, mask })
    }

    #[inline]
    pub(crate) fn key(&self, subject: &Subject) -> Key {
        self.key_of(match subject {
            Subject::Token(token) => self.digests.token(token.expose()),
            Subject::Id(id) => self.digests.id(id.as_str()),
        })
    }

    /// Returns the key of a subject's digest.
    #[inline]
    pub(crate) fn key_of(&self, digest: Digest) -> Key {
        Key((u128::from_ne_bytes(digest) ^ u128::from_ne_bytes(self.mask)).to_ne_bytes())
    }

    /// Makes the same keys as every other maker of these digests.
    #[cfg(feature = "parts")]
    pub(crate) fn repeatable(digests: Digests) -> Self {
        let mask = [0; 16];
        Self { digests, mask }
    }

    /// Returns the tag of a claim's value.
    pub(crate) fn tag(&self, value: &str) -> Tag {
        Tag::of_digest(self.digests.claim(value))
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
    /// Returns a number that is as random as the key, and the same for the same subject at all
    /// providers and replicas.
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
    /// Returns the tag of a claim's digest.
    pub(crate) fn of_digest([a, b, c, ..]: Digest) -> Self {
        Self::of([a, b, c])
    }

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
        let maker = KeyMaker::new(Digests::random().unwrap()).unwrap();
        let id = Subject::Id(TokenId::parse("x".to_owned()).unwrap());
        assert_ne!(maker.key(&id), maker.key(&token("x")));
    }

    #[test]
    fn providers_and_processes_have_different_keys() {
        let digests = Digests::random().unwrap();
        let maker = |digests: &Digests| KeyMaker::new(digests.clone()).unwrap();
        let (one, two) = (maker(&digests), maker(&digests));
        assert_ne!(one.key(&token("x")), two.key(&token("x")));
        assert_eq!(one.tag("x"), two.tag("x"));
        let spread = |maker: &KeyMaker| maker.key(&token("x")).spread();
        assert_eq!(spread(&one), spread(&two));
        let other = maker(&Digests::random().unwrap());
        assert_ne!(one.tag("x"), other.tag("x"));
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
            let digests = Digests::derive(b"a secret");
            let maker = KeyMaker { digests, mask: [7; 16] };
            prop_assert_eq!(maker.key(&token(&a)) == maker.key(&token(&b)), a == b);
        }
    }
}
