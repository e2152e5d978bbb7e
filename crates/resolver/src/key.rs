use std::hash::{Hash, Hasher};

use introspectd_core::{TokenId, TokenValue};

use crate::stamp::Tag;

/// What is asked about: the token itself, or a handle of it. The two never share a cache entry: an id
/// proves nothing about who holds the token.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Token(TokenValue),
    Id(TokenId),
}

/// A keyed hash (BLAKE3, cut to 128 bits) of the text that was asked about. The random keys are one for each
/// provider and mode, so it stands for these, too; without them nobody can tell which token it is of, nor aim
/// at another's entry. That any two of ten million entries fall together is less likely than 1 in 10^24.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key([u8; 16]);

/// Takes the beginning of a [`Key`] as its hash, since it is one, and one that nobody can choose.
#[derive(Clone, Default)]
pub(crate) struct AlreadyHashed(u64);

/// One provider's random keys.
pub(crate) struct KeyMaker {
    tokens: [u8; 32],
    ids: [u8; 32],
    tags: [u8; 32],
}

impl KeyMaker {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let secret = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map(|()| bytes)
        };
        Ok(Self { tokens: secret()?, ids: secret()?, tags: secret()? })
    }

    pub(crate) fn key(&self, subject: &Subject) -> Key {
        let (secret, text) = match subject {
            Subject::Token(token) => (&self.tokens, token.expose()),
            Subject::Id(id) => (&self.ids, id.as_str()),
        };
        let hash = blake3::keyed_hash(secret, text.as_bytes());
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        Key(key)
    }

    /// Tag of a claim's value.
    pub(crate) fn tag(&self, value: &str) -> Tag {
        let hash = blake3::keyed_hash(&self.tags, value.as_bytes());
        let [a, b, c, ..] = *hash.as_bytes();
        Tag::of([a, b, c])
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Key {
    /// A number that is as random as the key, and the same for the same key.
    pub(crate) fn spread(&self) -> u8 {
        let [first, ..] = self.0;
        first
    }

    /// The half of it that is not its hash.
    pub(crate) fn word(&self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
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
    fn a_token_and_an_id_of_the_same_text_are_apart() {
        let maker = KeyMaker::random().unwrap();
        let id = Subject::Id(TokenId::parse("x".to_owned()).unwrap());
        assert_ne!(maker.key(&id), maker.key(&token("x")));
    }

    #[test]
    fn two_providers_and_two_processes_have_keys_of_their_own() {
        let (one, two) = (KeyMaker::random().unwrap(), KeyMaker::random().unwrap());
        assert_ne!(one.key(&token("x")), two.key(&token("x")));
    }

    proptest! {
        #[test]
        fn only_the_same_token_has_the_same_key(a in "[a-c]{1,4}", b in "[a-c]{1,4}") {
            let maker = KeyMaker { tokens: [7; 32], ids: [8; 32], tags: [9; 32] };
            prop_assert_eq!(maker.key(&token(&a)) == maker.key(&token(&b)), a == b);
        }
    }
}
