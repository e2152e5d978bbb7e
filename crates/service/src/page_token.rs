use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_core::{Failure, Instant, Outage, Position, ProviderName, Timestamp};
use introspectd_keys::{Key, Sealer};
use introspectd_resolver::Positions;
use serde::{Deserialize, Serialize};

use crate::parameters::Parameters;

/// Sealer of page tokens: each is for its caller, and until the process ends. A caller that could
/// write one could name providers and positions that it was never shown.
pub(crate) struct PageTokens(Sealer);

/// List that is read, and where it continues.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bookmark {
    pub(crate) parameters: Parameters,
    pub(crate) positions: Positions,
}

/// Prefix of the caller's name in the authenticated data: should the key ever seal something else,
/// neither could be taken for the other.
const PURPOSE: &str = "introspectd page token 1\n";

impl PageTokens {
    /// Creates a sealer with a random key.
    pub(crate) fn new() -> io::Result<Self> {
        Sealer::new(&Key::random()?, PURPOSE).map(Self)
    }

    /// Seals a bookmark for a caller.
    ///
    /// # Errors
    /// [`Outage::Abandoned`] if the system gives no random bytes.
    pub(crate) fn seal(&self, caller: &str, bookmark: Bookmark) -> Result<String, Failure> {
        self.sealed(caller, &Wire::from(bookmark))
            .ok_or(Failure::outage(Outage::Abandoned))
    }

    fn sealed(&self, caller: &str, wire: &Wire) -> Option<String> {
        let text = serde_json::to_vec(wire).ok()?;
        Some(URL_SAFE_NO_PAD.encode(self.0.seal(caller, text).ok()?))
    }

    /// Opens a page token; `None` for one that was not sealed here for this caller.
    pub(crate) fn open(&self, caller: &str, token: &str) -> Option<Bookmark> {
        let mut sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = self.0.open(caller, &mut sealed)?;
        serde_json::from_slice::<Wire>(text).ok()?.bookmark()
    }
}

/// Bookmark as it is sealed.
#[derive(Serialize, Deserialize)]
struct Wire {
    parameters: BTreeMap<String, String>,
    positions: BTreeMap<String, Option<At>>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum At {
    Page {
        number: u32,
        taken: u32,
        second: i64,
        nanos: u32,
    },
    After {
        millis: i64,
        handle: String,
    },
}

impl From<Bookmark> for Wire {
    fn from(bookmark: Bookmark) -> Self {
        let Bookmark {
            parameters,
            positions,
        } = bookmark;
        let position = |(provider, at): (ProviderName, Option<Position>)| {
            (provider.as_str().to_owned(), at.map(At::from))
        };
        Self {
            parameters: parameters.into_inner(),
            positions: positions.into_iter().map(position).collect(),
        }
    }
}

impl Wire {
    fn bookmark(self) -> Option<Bookmark> {
        let mut positions = Positions::new();
        for (provider, at) in self.positions {
            let position = match at {
                None => None,
                Some(at) => Some(at.position()?),
            };
            positions.insert(ProviderName::parse(&provider).ok()?, position);
        }
        Some(Bookmark {
            parameters: Parameters::from_inner(self.parameters),
            positions,
        })
    }
}

impl From<Position> for At {
    fn from(position: Position) -> Self {
        match position {
            Position::Page {
                number,
                taken,
                as_of: Instant { second, nanos },
            } => Self::Page {
                number,
                taken,
                second: second.seconds(),
                nanos,
            },
            Position::After { millis, handle } => Self::After { millis, handle },
        }
    }
}

impl At {
    fn position(self) -> Option<Position> {
        Some(match self {
            Self::Page {
                number,
                taken,
                second,
                nanos,
            } => {
                let as_of = Instant {
                    second: Timestamp::from_seconds(second)?,
                    nanos,
                };
                Position::Page {
                    number,
                    taken,
                    as_of,
                }
            }
            Self::After { millis, handle } => Position::After { millis, handle },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::InvalidQuery;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn pairs(
        query: &str,
    ) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), InvalidQuery>> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| Ok((name.into(), value.into())))
    }

    fn bookmark(query: &str, at: Option<Position>) -> Bookmark {
        let positions = [(ProviderName::parse("bank").unwrap(), at)].into();
        Bookmark {
            parameters: Parameters::read(pairs(query)).unwrap(),
            positions,
        }
    }

    fn some() -> Bookmark {
        bookmark(
            "owner=alice",
            Some(Position::After {
                millis: 7,
                handle: "h".to_owned(),
            }),
        )
    }

    #[test]
    fn a_page_token_is_of_its_caller_and_its_process_alone() {
        let tokens = PageTokens::new().unwrap();
        let token = tokens.seal("admin", some()).unwrap();
        assert_eq!(tokens.open("admin", &token), Some(some()));
        for other in ["", "Admin", "admin2", "admi"] {
            assert_eq!(tokens.open(other, &token), None);
        }
        assert_eq!(PageTokens::new().unwrap().open("admin", &token), None);
    }

    #[test]
    fn nothing_of_a_page_token_can_be_read_or_changed() {
        let tokens = PageTokens::new().unwrap();
        let token = tokens.seal("admin", some()).unwrap();
        assert_ne!(token, tokens.seal("admin", some()).unwrap());
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for hidden in ["alice", "bank", "owner"] {
            assert!(
                !bytes
                    .windows(hidden.len())
                    .any(|window| window == hidden.as_bytes())
            );
        }
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                tokens.open("admin", &URL_SAFE_NO_PAD.encode(forged)),
                None,
                "bit {bit}"
            );
        }
        for length in 0..token.len() {
            assert_eq!(
                tokens.open("admin", token.get(..length).unwrap()),
                None,
                "{length} characters"
            );
        }
        for longer in [
            format!("{token}A"),
            format!("{token}="),
            format!(" {token}"),
        ] {
            assert_eq!(tokens.open("admin", &longer), None);
        }
    }

    /// Checks that the prefix cannot be taken for a part of the caller's name.
    #[test]
    fn another_purpose_is_another_token() {
        let key = Key::random().unwrap();
        let sealed_for = |purpose| PageTokens(Sealer::new(&key, purpose).unwrap());
        for (purpose, is_ours) in [(PURPOSE, true), ("", false)] {
            let token = sealed_for(purpose).seal("admin", some()).unwrap();
            assert_eq!(
                sealed_for(PURPOSE).open("admin", &token).is_some(),
                is_ours,
                "{purpose:?}"
            );
        }
    }

    fn position() -> impl Strategy<Value = Position> {
        let seconds = Timestamp::MIN.seconds()..=Timestamp::MAX.seconds();
        let page = (any::<u32>(), any::<u32>(), seconds, 0u32..1_000_000_000).prop_map(
            |(number, taken, second, nanos)| {
                let second = Timestamp::from_seconds(second).unwrap();
                Position::Page {
                    number,
                    taken,
                    as_of: Instant { second, nanos },
                }
            },
        );
        let after = (any::<i64>(), any::<String>())
            .prop_map(|(millis, handle)| Position::After { millis, handle });
        prop_oneof![page, after]
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_what_is_opened(at in prop::option::of(position()), caller: String) {
            let tokens = PageTokens::new().unwrap();
            let sealed = bookmark("role=a b&page_size=7", at);
            let token = tokens.seal(&caller, sealed.clone()).unwrap();
            prop_assert_eq!(tokens.open(&caller, &token), Some(sealed));
        }

        #[test]
        fn no_text_is_taken_for_one(text: String, bytes: Vec<u8>) {
            let tokens = PageTokens::new().unwrap();
            prop_assert_eq!(tokens.open("admin", &text), None);
            prop_assert_eq!(tokens.open("admin", &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }

    /// Only a page token that was sealed here opens.
    #[test]
    fn any_text_but_a_sealed_one_is_refused() {
        let tokens = PageTokens::new().unwrap();
        let sealed = tokens.seal("admin", some()).unwrap();
        introspectd_fuzz::check!(&[sealed.as_bytes()], |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let opened = tokens.open("admin", &text);
            assert_eq!(opened.is_some(), text == sealed, "{text}");
        });
    }
}
