use introspectd_core::{ProviderName, TokenId, TokenValue};

/// What is asked about: the token itself, or a handle of it. The two never share a cache entry: an id
/// proves nothing about who holds the token.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Token(TokenValue),
    Id(TokenId),
}

/// A keyed hash (BLAKE3, 256 bits) over everything that a fact depends on. Without the process's
/// random key nobody can tell which token it stands for, nor aim at another's entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key([u8; 32]);

/// The process's random key.
pub(crate) struct KeyMaker([u8; 32]);

impl KeyMaker {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self(secret))
    }

    pub(crate) fn key(&self, provider: &ProviderName, subject: &Subject) -> Key {
        let (mode, text) = match subject {
            Subject::Token(token) => (b"token", token.expose()),
            Subject::Id(id) => (b"id---", id.as_str()),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(mode);
        // The length first, so that no two pairs of fields run together to the same bytes.
        hasher.update(&(provider.as_str().len() as u64).to_le_bytes());
        hasher.update(provider.as_str().as_bytes());
        hasher.update(text.as_bytes());
        Key(hasher.finalize().into())
    }
}

impl Key {
    /// A number that is as random as the key, and the same for the same key.
    pub(crate) fn spread(&self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(text: &str) -> Subject {
        Subject::Token(TokenValue::parse(text.to_owned()).unwrap())
    }

    fn name(text: &str) -> ProviderName {
        ProviderName::parse(text).unwrap()
    }

    #[test]
    fn a_token_and_an_id_of_the_same_text_are_apart() {
        let maker = KeyMaker::random().unwrap();
        let id = Subject::Id(TokenId::parse("x".to_owned()).unwrap());
        assert_ne!(maker.key(&name("a"), &token("x")), maker.key(&name("a"), &id));
    }

    #[test]
    fn another_process_has_other_keys() {
        let (one, two) = (KeyMaker::random().unwrap(), KeyMaker::random().unwrap());
        assert_ne!(one.key(&name("a"), &token("x")), two.key(&name("a"), &token("x")));
    }

    proptest! {
        #[test]
        fn only_the_same_provider_and_token_share_a_key(
            a in ("[a-c]{1,3}", "[a-c]{1,3}"), b in ("[a-c]{1,3}", "[a-c]{1,3}")
        ) {
            let maker = KeyMaker([7; 32]);
            let key = |(provider, text): &(String, String)| maker.key(&name(provider), &token(text));
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }
    }
}
