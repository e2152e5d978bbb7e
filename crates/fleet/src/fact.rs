use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_core::ProviderName;
use introspectd_keys::{Key, Sealer};

use crate::secret::Keys;
use crate::store::EntryId;

/// Name of a fact: what was asked of whom.
#[derive(Debug, Clone, Copy)]
pub struct FactName<'a> {
    /// Provider that is asked.
    pub provider: &'a ProviderName,
    /// Digest of its section, so that replicas with another configuration share no facts.
    pub revision: [u8; 16],
    /// Subject of the request.
    pub mode: Mode,
    /// Token, or id of a record.
    pub subject: &'a str,
}

/// Meaning of a value's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The token itself.
    Token,
    /// The id of its record.
    Id,
    /// Binding of the token to a record.
    Binding,
}

/// Fact as replicas exchange it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedFact {
    /// Last entry of the stream that was in force when the provider was asked.
    pub(crate) asked_after: EntryId,
    /// Time of the request, by the store's clock.
    pub(crate) asked_at: Duration,
    /// Bytes of the embedder.
    pub(crate) bytes: Vec<u8>,
}

/// Keys in the store of one fact, all in one slot of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct StoreKeys {
    /// Fact of a record.
    pub(crate) fact: String,
    /// Fact of a token that its provider does not know.
    pub(crate) unknown: String,
    pub(crate) lease: String,
}

impl StoreKeys {
    /// Keys under which a fact may lie.
    pub(crate) fn places(&self) -> [&str; 2] {
        [&self.fact, &self.unknown]
    }
}

/// Key of a fact's value: only who has the secret and the subject can derive it.
pub(crate) struct ValueKey(Sealer);

/// Purpose of sealed values, with the version of their form.
const PURPOSE: &str = "fact 1\n";

/// Step of a value's length, so that it tells little of the answer.
const STEP: usize = 64;

/// Bytes before the embedder's: id, time, length.
const HEAD: usize = 16 + 8 + 4;

impl FactName<'_> {
    fn hash(&self, key: &Key) -> introspectd_keys::Hash {
        let mode = match self.mode {
            Mode::Token => b't',
            Mode::Id => b'i',
            Mode::Binding => b'b',
        };
        key.parts()
            .fixed(&self.revision)
            .fixed(&[mode])
            .field(self.provider.as_str().as_bytes())
            .last(self.subject.as_bytes())
    }

    /// Key in the store of what this kind of value says of the name.
    pub(crate) fn store_key(&self, keys: &Keys, prefix: &str, kind: char) -> String {
        let hash = URL_SAFE_NO_PAD.encode(self.hash(&keys.names).as_bytes());
        format!("{prefix}:{kind}:{hash}")
    }

    pub(crate) fn store_keys(&self, keys: &Keys, prefix: &str) -> StoreKeys {
        let fact = self.store_key(keys, prefix, 'f');
        // Braces name what the slot of a cluster is computed of.
        StoreKeys {
            unknown: format!("{prefix}:u:{{{fact}}}"),
            lease: format!("{prefix}:l:{{{fact}}}"),
            fact,
        }
    }

    /// Derives the key of the fact's value.
    ///
    /// # Errors
    /// Fails if the cipher refuses the key, which it never does.
    pub(crate) fn value_key(&self, keys: &Keys) -> io::Result<ValueKey> {
        let key = Key::from(*self.hash(&keys.values).as_bytes());
        Sealer::new(&key, PURPOSE).map(ValueKey)
    }
}

impl ValueKey {
    /// Seals a fact for its key in the store.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn seal(&self, store_key: &str, fact: &SharedFact) -> io::Result<Vec<u8>> {
        let SharedFact {
            asked_after,
            asked_at,
            bytes,
        } = fact;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let millis = u64::try_from(asked_at.as_millis()).map_err(io::Error::other)?;
        let mut text = Vec::with_capacity((HEAD + bytes.len()).next_multiple_of(STEP) + STEP);
        text.extend(asked_after.millis.to_le_bytes());
        text.extend(asked_after.sequence.to_le_bytes());
        text.extend(millis.to_le_bytes());
        text.extend(length.to_le_bytes());
        text.extend(bytes);
        text.resize(text.len().next_multiple_of(STEP), 0);
        self.0.seal(store_key, text)
    }

    /// Opens a value; `None` unless it was sealed for this key by who has the secret.
    pub(crate) fn open(&self, store_key: &str, mut sealed: Vec<u8>) -> Option<SharedFact> {
        let text = self.0.open(store_key, &mut sealed)?;
        let (millis, rest) = text.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (asked_at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        Some(SharedFact {
            asked_after: EntryId {
                millis: u64::from_le_bytes(*millis),
                sequence: u64::from_le_bytes(*sequence),
            },
            asked_at: Duration::from_millis(u64::from_le_bytes(*asked_at)),
            bytes: rest.get(..length)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{FleetSecret, Keyring};
    use proptest::prelude::*;

    fn ring(byte: u8) -> Keyring {
        Keyring::new(&FleetSecret::new(&[byte; 32]).unwrap(), None).unwrap()
    }

    fn fact(bytes: Vec<u8>) -> SharedFact {
        SharedFact {
            asked_after: EntryId {
                millis: 3,
                sequence: 4,
            },
            asked_at: Duration::from_millis(77),
            bytes,
        }
    }

    fn name<'a>(provider: &'a ProviderName, subject: &'a str) -> FactName<'a> {
        FactName {
            provider,
            revision: [5; 16],
            mode: Mode::Token,
            subject,
        }
    }

    #[test]
    fn every_part_of_a_name_gives_another_key() {
        let (a, b) = (
            ProviderName::parse("a").unwrap(),
            ProviderName::parse("b").unwrap(),
        );
        let keys = |name: FactName<'_>, byte| name.store_keys(&ring(byte).current, "p").fact;
        let one = name(&a, "token");
        let all = [
            keys(one, 1),
            keys(one, 2),
            keys(name(&b, "token"), 1),
            keys(name(&a, "token2"), 1),
            keys(
                FactName {
                    revision: [6; 16],
                    ..one
                },
                1,
            ),
            keys(
                FactName {
                    mode: Mode::Id,
                    ..one
                },
                1,
            ),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(
            all.iter()
                .all(|key| key.starts_with("p:f:") && key.len() == 4 + 43)
        );
    }

    #[test]
    fn value_opens_under_its_own_key_secret_and_token_only() {
        let a = ProviderName::parse("a").unwrap();
        let key =
            |byte, token: &'static str| name(&a, token).value_key(&ring(byte).current).unwrap();
        let sealed = key(1, "token")
            .seal("k", &fact(b"answer".to_vec()))
            .unwrap();
        assert_eq!(
            key(1, "token").open("k", sealed.clone()),
            Some(fact(b"answer".to_vec()))
        );
        assert_eq!(key(1, "token").open("k2", sealed.clone()), None);
        assert_eq!(key(1, "other").open("k", sealed.clone()), None);
        assert_eq!(key(2, "token").open("k", sealed), None);
    }

    proptest! {
        #[test]
        fn sealed_length_tells_steps_only(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let a = ProviderName::parse("a").unwrap();
            let key = name(&a, "t").value_key(&ring(1).current).unwrap();
            let sealed = key.seal("k", &fact(bytes.clone())).unwrap();
            prop_assert_eq!((sealed.len() - 28) % STEP, 0);
            prop_assert_eq!(key.open("k", sealed), Some(fact(bytes)));
        }

    }

    #[test]
    fn any_bytes_are_no_fact() {
        let a = ProviderName::parse("a").unwrap();
        let key = name(&a, "t").value_key(&ring(1).current).unwrap();
        introspectd_fuzz::check!(&[b"x"], |bytes: &[u8]| {
            assert_eq!(key.open("k", bytes.to_vec()), None);
        });
    }

    #[test]
    fn any_sealed_text_is_a_fact_or_none() {
        let a = ProviderName::parse("a").unwrap();
        let key = name(&a, "t").value_key(&ring(1).current).unwrap();
        introspectd_fuzz::check!(&[&[0; 64]], |bytes: &[u8]| {
            let sealed = key.0.seal("k", bytes.to_vec()).unwrap();
            if let Some(fact) = key.open("k", sealed) {
                assert!(fact.bytes.len() + HEAD <= bytes.len());
            }
        });
    }
}
