use std::collections::BTreeSet;
use std::io;

use introspectd_core::{ProviderName, Selection, Timestamp};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::purge::{Purge, Revocation, RevokedDigest, SharedMark};
use crate::secret::{Keyring, Keys};
use crate::store::EntryId;

/// Author of entries: one process.
pub(crate) type Author = [u8; 16];

/// Sealed content of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) author: Author,
    /// Number of the entry among its author's, from 1 on.
    pub(crate) number: u64,
    /// Author's entry before this one, if there was one.
    pub(crate) before: Option<EntryId>,
    /// Purges; none in a heartbeat.
    pub(crate) purges: Vec<Purge>,
}

/// Entry as a replica can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Sealed with the secret in force.
    Message(Message),
    /// Sealed with the former secret alone: whose digests cannot be compared with ours.
    Former(Message),
    /// Heartbeat of somebody whose secret is unknown here.
    ForeignHeartbeat,
    /// Any other bytes: a purge, as far as anybody knows.
    Foreign,
}

/// First byte of a sealed text, which tells heartbeats without a secret. Both kinds are sealed for
/// it, so that none becomes the other.
const HEARTBEAT: u8 = b'h';
const PURGE: u8 = b'p';

impl Message {
    /// Seals a message for all who have this secret.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn seal(&self, keys: &Keys) -> io::Result<Vec<u8>> {
        let kind = if self.purges.is_empty() {
            HEARTBEAT
        } else {
            PURGE
        };
        let text = serde_json::to_vec(&Wire::from(self)).map_err(io::Error::other)?;
        let sealed = keys.messages.seal(owner(kind), text)?;
        Ok([&[kind], sealed.as_slice()].concat())
    }

    fn open(sealed: &[u8], keys: &Keys) -> Option<Self> {
        let (kind, sealed) = sealed.split_first()?;
        let mut sealed = sealed.to_vec();
        if !matches!(*kind, HEARTBEAT | PURGE) {
            return None;
        }
        let text = keys.messages.open(owner(*kind), &mut sealed)?;
        let message: Self = serde_json::from_slice::<Wire>(text).ok()?.try_into().ok()?;
        let is_heartbeat = message.purges.is_empty();
        (is_heartbeat == (*kind == HEARTBEAT)).then_some(message)
    }
}

impl Opened {
    /// Opens an entry by the first of its texts that can be.
    pub(crate) fn read(sealed: &[Vec<u8>], keyring: &Keyring) -> Self {
        let open = |keys| sealed.iter().find_map(|text| Message::open(text, keys));
        if let Some(message) = open(&keyring.current) {
            return Self::Message(message);
        }
        if let Some(message) = keyring.previous.as_ref().and_then(open) {
            return Self::Former(message);
        }
        let is_heartbeat = |text: &Vec<u8>| text.first() == Some(&HEARTBEAT);
        if !sealed.is_empty() && sealed.iter().all(is_heartbeat) {
            Self::ForeignHeartbeat
        } else {
            Self::Foreign
        }
    }
}

const fn owner(kind: u8) -> &'static str {
    if kind == HEARTBEAT {
        "heartbeat"
    } else {
        "purge"
    }
}

/// JSON of a message.
#[derive(Serialize, Deserialize)]
struct Wire {
    author: Author,
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    purges: Vec<PurgeWire>,
}

#[derive(Serialize, Deserialize)]
struct PurgeWire {
    /// Names of providers; without them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only: Option<Vec<String>>,
    mark: SharedMark,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    revoked: Vec<(String, RevokedDigest, Option<i64>)>,
}

/// Message that was sealed by nobody of this version.
struct Malformed;

impl From<&Message> for Wire {
    fn from(message: &Message) -> Self {
        Self {
            author: message.author,
            number: message.number,
            before: message.before.map(|id| (id.millis, id.sequence)),
            purges: message.purges.iter().map(PurgeWire::from).collect(),
        }
    }
}

impl From<&Purge> for PurgeWire {
    fn from(purge: &Purge) -> Self {
        let text = |name: &ProviderName| name.as_str().to_owned();
        let revoked = purge.revoked.iter().map(|revocation| {
            let end = revocation.end.map(Timestamp::seconds);
            (text(&revocation.provider), revocation.revoked, end)
        });
        Self {
            only: match &purge.providers {
                Selection::All => None,
                Selection::Only(names) => Some(names.iter().map(text).collect()),
            },
            mark: purge.mark,
            revoked: revoked.collect(),
        }
    }
}

impl TryFrom<Wire> for Message {
    type Error = Malformed;

    fn try_from(wire: Wire) -> Result<Self, Malformed> {
        let id = |(millis, sequence)| EntryId { millis, sequence };
        Ok(Self {
            author: wire.author,
            number: wire.number,
            before: wire.before.map(id),
            purges: wire
                .purges
                .into_iter()
                .map(Purge::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<PurgeWire> for Purge {
    type Error = Malformed;

    fn try_from(wire: PurgeWire) -> Result<Self, Malformed> {
        let name = |text: String| ProviderName::parse(&text).map_err(|_| Malformed);
        let providers = match wire.only {
            None => Selection::All,
            Some(names) => {
                let names: Result<BTreeSet<_>, _> = names.into_iter().map(name).collect();
                Selection::Only(names?)
            }
        };
        let revocation = |(provider, revoked, end): (String, RevokedDigest, Option<i64>)| {
            let end = end.map(|end| Timestamp::from_seconds(end).ok_or(Malformed));
            Ok(Revocation {
                provider: name(provider)?,
                revoked,
                end: end.transpose()?,
            })
        };
        let revoked: Result<_, Malformed> = wire.revoked.into_iter().map(revocation).collect();
        Ok(Self {
            providers,
            mark: wire.mark,
            revoked: revoked?,
        })
    }
}

/// Length of a digest in a message, which its version fixes.
const _: () = assert!(
    size_of::<Digest>() == 16,
    "messages of version 1 have 16 bytes"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::FleetSecret;
    use proptest::prelude::*;

    fn ring(current: u8, previous: Option<u8>) -> Keyring {
        let secret = |byte| FleetSecret::new(&[byte; 32]).unwrap();
        Keyring::new(&secret(current), previous.map(secret).as_ref()).unwrap()
    }

    fn name(text: &str) -> ProviderName {
        ProviderName::parse(text).unwrap()
    }

    fn purge() -> Purge {
        Purge {
            providers: Selection::Only([name("a"), name("b")].into()),
            mark: SharedMark::Record([1; 16], [2; 16]),
            revoked: vec![Revocation {
                provider: name("a"),
                revoked: RevokedDigest::Token([3; 16]),
                end: Timestamp::from_seconds(99),
            }],
        }
    }

    fn message(purges: Vec<Purge>) -> Message {
        Message {
            author: [9; 16],
            number: 7,
            before: Some(EntryId {
                millis: 5,
                sequence: 6,
            }),
            purges,
        }
    }

    #[test]
    fn message_is_read_by_who_has_its_secret() {
        for purges in [vec![], vec![purge()], vec![Purge::EVERYTHING, purge()]] {
            let message = message(purges);
            let sealed = vec![message.seal(&ring(1, None).current).unwrap()];
            let read = |keyring| Opened::read(&sealed, &keyring);
            assert_eq!(read(ring(1, None)), Opened::Message(message.clone()));
            assert_eq!(read(ring(2, Some(1))), Opened::Former(message.clone()));
            let foreign = match message.purges.is_empty() {
                true => Opened::ForeignHeartbeat,
                false => Opened::Foreign,
            };
            assert_eq!(read(ring(2, None)), foreign);
        }
    }

    #[test]
    fn text_for_the_secret_in_force_is_preferred() {
        let keyring = ring(2, Some(1));
        let both: Vec<_> = [&ring(1, None).current, &keyring.current]
            .map(|keys| message(vec![purge()]).seal(keys).unwrap())
            .into();
        assert_eq!(
            Opened::read(&both, &keyring),
            Opened::Message(message(vec![purge()]))
        );
    }

    #[test]
    fn purge_cannot_be_passed_off_as_a_heartbeat() {
        let keyring = ring(1, None);
        let mut sealed = message(vec![purge()]).seal(&keyring.current).unwrap();
        sealed[0] = HEARTBEAT;
        assert_eq!(Opened::read(&[sealed], &keyring), Opened::ForeignHeartbeat);
    }

    #[test]
    fn any_bytes_are_foreign() {
        let keyring = ring(1, Some(2));
        introspectd_fuzz::check!(&[b"h", b"pxxxxxxxxxxxxxxxx"], |bytes: &[u8]| {
            let opened = Opened::read(&[bytes.to_vec()], &keyring);
            assert!(matches!(opened, Opened::Foreign | Opened::ForeignHeartbeat));
        });
    }

    /// Replicas of other versions have the secret, too.
    #[test]
    fn any_sealed_text_is_a_message_or_foreign() {
        let keyring = ring(1, None);
        let known = serde_json::to_vec(&Wire::from(&message(vec![purge()]))).unwrap();
        introspectd_fuzz::check!(&[known.as_slice(), b"{}"], |bytes: &[u8]| {
            let sealed = keyring.current.messages.seal(owner(PURGE), bytes.to_vec());
            let sealed = [&[PURGE], sealed.unwrap().as_slice()].concat();
            let opened = Opened::read(&[sealed], &keyring);
            if let Opened::Message(message) = opened {
                assert!(!message.purges.is_empty());
            } else {
                assert_eq!(opened, Opened::Foreign);
            }
        });
    }

    proptest! {
        #[test]
        fn flipped_bit_is_never_a_message(bit in 0usize..800) {
            let keyring = ring(1, None);
            let mut sealed = message(vec![purge()]).seal(&keyring.current).unwrap();
            let bit = bit % (sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(Opened::read(&[sealed], &keyring), Opened::Message(_)));
        }
    }
}
