use std::borrow::Cow;

use introspectd_core::Token;

use crate::fact::{Keep, Names};
use crate::key::{Key, KeyMaker, Tag};

/// Position of a fact in the order of purges, and the tags that purges select it by, besides its
/// key.
///
/// Computed when the provider has answered, so that neither a hit nor the sweeper parses what is
/// kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Number of the latest purge when the request was sent.
    pub(crate) number: u64,
    /// Number of the provider's slot.
    pub(crate) slot: u16,
    pub(crate) tags: Tags,
}

/// Tags of a fact. A fact without a record has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tags {
    pub(crate) record: Option<Tag>,
    pub(crate) subject: Option<Tag>,
    pub(crate) client: Option<Tag>,
}

/// Compact form of a [`Stamp`], since the cache holds millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedStamp {
    number: [u8; 5],
    slot: [u8; 2],
    record: [u8; 3],
    subject: [u8; 3],
    client: [u8; 3],
}

/// Highest number of a purge: 35 years at 1,000 purges a second. Past it nothing is served from the
/// cache.
pub(crate) const MAX_NUMBER: u64 = (1 << 40) - 1;

impl Stamp {
    pub(crate) fn pack(self) -> PackedStamp {
        let Self {
            number,
            slot,
            tags:
                Tags {
                    record,
                    subject,
                    client,
                },
        } = self;
        let [a, b, c, d, e, ..] = number.min(MAX_NUMBER).to_le_bytes();
        let tag = |tag: Option<Tag>| tag.map_or([0; 3], Tag::to_bytes);
        PackedStamp {
            number: [a, b, c, d, e],
            slot: slot.to_le_bytes(),
            record: tag(record),
            subject: tag(subject),
            client: tag(client),
        }
    }
}

impl PackedStamp {
    #[inline]
    pub(crate) fn unpack(self) -> Stamp {
        let [a, b, c, d, e] = self.number;
        let number = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
        let [record, subject, client] =
            [self.record, self.subject, self.client].map(Tag::from_bytes);
        Stamp {
            number,
            slot: u16::from_le_bytes(self.slot),
            tags: Tags {
                record,
                subject,
                client,
            },
        }
    }
}

/// Facts of one provider that a purge selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Everything,
    Key(Key),
    Record(Tag),
    Subject(Tag),
    Client(Tag),
}

impl Tags {
    pub(crate) fn of(token: &Token, keys: &KeyMaker) -> Self {
        Self::of_names(&token.names(), keys)
    }

    pub(crate) fn of_names(names: &Names<'_>, keys: &KeyMaker) -> Self {
        let tag = |name: &Option<Cow<'_, str>>| name.as_deref().map(|name| keys.tag(name));
        Self {
            record: tag(&names.jti),
            subject: tag(&names.sub),
            client: tag(&names.client_id),
        }
    }

    fn marks(self) -> impl Iterator<Item = Mark> {
        let record = self.record.map(Mark::Record);
        record
            .into_iter()
            .chain(self.subject.map(Mark::Subject))
            .chain(self.client.map(Mark::Client))
    }
}

impl Mark {
    /// Every mark that selects a fact, except [`Mark::Everything`].
    pub(crate) fn all_of(key: Key, tags: Tags) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Key(key)).chain(tags.marks())
    }

    pub(crate) fn selects(&self, key: Key, tags: Tags) -> bool {
        *self == Self::Everything || Self::all_of(key, tags).any(|mark| mark == *self)
    }

    /// Key that is selected, if the mark is a single one.
    pub(crate) fn key(&self) -> Option<&Key> {
        match self {
            Self::Key(key) => Some(key),
            Self::Everything | Self::Record(_) | Self::Subject(_) | Self::Client(_) => None,
        }
    }

    /// Evenly spread bits, the same for equal marks. `None` for [`Mark::Everything`].
    pub(crate) fn hash(&self) -> Option<u64> {
        let (kind, tag) = match self {
            Self::Everything => return None,
            // Random already.
            Self::Key(key) => return Some(key.word()),
            Self::Record(tag) => (1, tag),
            Self::Subject(tag) => (2, tag),
            Self::Client(tag) => (3, tag),
        };
        Some(mix(kind << 32 | u64::from(tag.bits())))
    }
}

/// Finalizer of SplitMix64: each bit of the input changes each of the output half of the time.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag() -> impl Strategy<Value = Option<Tag>> {
        prop::option::of(any::<[u8; 3]>().prop_map(Tag::of))
    }

    /// The first outputs of SplitMix64 with the seed 0, whose state grows by the golden ratio.
    #[test]
    fn mark_is_mixed_as_splitmix_does() {
        let state = 0x9e37_79b9_7f4a_7c15_u64;
        for (steps, output) in [
            (1, 0xe220_a839_7b1d_cdaf),
            (2, 0x6e78_9e6a_a1b9_65f4),
            (3, 0x06c4_5d18_8009_454f),
        ] {
            assert_eq!(mix(state.wrapping_mul(steps)), output);
        }
    }

    #[test]
    fn marks_of_one_value_have_hashes_of_their_own() {
        let tag = Tag::of([3, 2, 1]);
        let hashes = [Mark::Record(tag), Mark::Subject(tag), Mark::Client(tag)];
        let hashes = hashes.map(|mark| mark.hash());
        for (kind, hash) in (1_u64..).zip(hashes) {
            assert_eq!(hash, Some(mix(kind << 32 | 0x01_0203)));
        }
        assert_eq!(Mark::Everything.hash(), None);
    }

    #[test]
    fn number_that_is_too_high_is_the_highest() {
        let stamp = Stamp {
            number: u64::MAX,
            slot: 7,
            tags: Tags::default(),
        };
        let unpacked = stamp.pack().unpack();
        assert_eq!((unpacked.number, unpacked.slot), (MAX_NUMBER, 7));
    }

    proptest! {
        #[test]
        fn stamp_survives_packing(
            number in 0..=MAX_NUMBER,
            slot: u16,
            record in tag(),
            subject in tag(),
            client in tag(),
        ) {
            let stamp = Stamp { number, slot, tags: Tags { record, subject, client } };
            prop_assert_eq!(stamp.pack().unpack(), stamp);
        }
    }
}
