use std::time::Duration;

use introspectd_core::{Expiry, Status, Timestamp, Validity};

use crate::fact::{Fact, Keep, Record};
use crate::lifetime::Lifetime;
use crate::stamp::{PackedStamp, Stamp};

/// Compact form of a fact, since the cache holds millions of them.
///
/// Times of reuse are whole milliseconds: a moment by
/// [`Clock::elapsed`](introspectd_core::Clock::elapsed), and durations of 49 days at most. Byte
/// arrays avoid the padding of integers.
#[derive(Clone)]
pub(crate) struct Entry<K> {
    kept: Option<K>,
    validity: PackedValidity,
    stamp: PackedStamp,
    asked_at: [u8; 5],
    fresh: u32,
    held: u32,
}

/// Compact form of a [`Validity`], 11 bytes. Zero is an absent time, and no valid one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PackedValidity {
    status: Status,
    expiry: [u8; 5],
    nbf: [u8; 5],
}

/// Latest moment of an entry, 34 years after the start. A later request counts as of then.
const LAST: u64 = (1 << 40) - 1;

impl<K> Entry<K> {
    pub(crate) fn new(fact: Fact<K>, stamp: Stamp, asked_at: Duration, life: Lifetime) -> Self {
        let brief = |time| u32::try_from(millis(time)).unwrap_or(u32::MAX);
        let [a, b, c, d, e, ..] = millis(asked_at).min(LAST).to_le_bytes();
        let (kept, validity) = match fact.record {
            Some(Record { validity, kept }) => (Some(kept), PackedValidity::pack(validity)),
            None => (None, PackedValidity::NONE),
        };
        Self {
            kept,
            validity,
            stamp: stamp.pack(),
            asked_at: [a, b, c, d, e],
            fresh: brief(life.fresh),
            held: brief(life.kept),
        }
    }

    #[inline]
    pub(crate) fn into_fact(self) -> Fact<K> {
        let Self { kept, validity, .. } = self;
        Fact {
            record: kept.map(|kept| Record {
                validity: validity.unpack(),
                kept,
            }),
        }
    }

    #[inline]
    pub(crate) fn stamp(&self) -> PackedStamp {
        self.stamp
    }

    #[inline]
    pub(crate) fn asked_at(&self) -> u64 {
        let [a, b, c, d, e] = self.asked_at;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }

    #[inline]
    pub(crate) fn fresh_until(&self) -> u64 {
        self.asked_at() + u64::from(self.fresh)
    }

    #[inline]
    pub(crate) fn held_until(&self) -> u64 {
        self.asked_at() + u64::from(self.held)
    }
}

impl<K: Keep> Entry<K> {
    /// Approximate heap size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.kept.as_ref().map_or(0, Keep::size)
    }
}

impl PackedValidity {
    /// Validity of a fact without a record.
    const NONE: Self = Self {
        status: Status::Unknown,
        expiry: [0; 5],
        nbf: [0; 5],
    };

    fn pack(
        Validity {
            status,
            expiry,
            nbf,
        }: Validity,
    ) -> Self {
        let expiry = match expiry {
            Expiry::At(time) => time.to_bytes(),
            Expiry::Never => [0; 5],
        };
        Self {
            status,
            expiry,
            nbf: nbf.map_or([0; 5], Timestamp::to_bytes),
        }
    }

    #[inline]
    fn unpack(self) -> Validity {
        let expiry = Timestamp::from_bytes(self.expiry).map_or(Expiry::Never, Expiry::At);
        Validity {
            status: self.status,
            expiry,
            nbf: Timestamp::from_bytes(self.nbf),
        }
    }
}

/// Milliseconds, rounded down so that no reuse is longer than configured.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use proptest::prelude::*;

    /// Guards the memory of each cached token.
    #[test]
    fn entry_and_key_take_72_bytes() {
        assert_eq!(size_of::<(Key, Entry<Box<[u8]>>)>(), 72);
    }

    #[test]
    fn request_after_the_last_moment_counts_as_of_then() {
        let fact = Fact::<u8> { record: None };
        let stamp = Stamp {
            number: 0,
            slot: 0,
            tags: crate::stamp::Tags::default(),
        };
        let life = Lifetime {
            fresh: Duration::from_millis(1),
            kept: Duration::MAX,
        };
        let entry = Entry::new(fact, stamp, Duration::MAX, life);
        assert_eq!(entry.asked_at(), LAST);
        assert_eq!(entry.fresh_until(), LAST + 1);
        assert_eq!(entry.held_until(), LAST + u64::from(u32::MAX));
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        let all = Timestamp::MIN.seconds()..=Timestamp::MAX.seconds();
        all.prop_map(|seconds| Timestamp::from_seconds(seconds).unwrap())
    }

    fn status() -> impl Strategy<Value = Status> {
        use Status::{Expired, Good, Revoked, RevokedHere, Unknown, Unreported};
        prop::sample::select(vec![
            Good,
            Revoked,
            RevokedHere,
            Expired,
            Unknown,
            Unreported,
        ])
    }

    proptest! {
        #[test]
        fn validity_survives_packing(
            status in status(),
            expiry in prop::option::of(time()),
            nbf in prop::option::of(time()),
            asked_at in 0..=LAST,
            fresh: u32,
            held: u32,
        ) {
            let expiry = expiry.map_or(Expiry::Never, Expiry::At);
            let validity = Validity { status, expiry, nbf };
            let fact = Fact { record: Some(Record { validity, kept: 7_u8 }) };
            let stamp = Stamp { number: 9, slot: 1, tags: crate::stamp::Tags::default() };
            let life = Lifetime {
                fresh: Duration::from_millis(fresh.into()),
                kept: Duration::from_millis(held.into()),
            };
            let entry = Entry::new(fact.clone(), stamp, Duration::from_millis(asked_at), life);
            prop_assert_eq!(entry.asked_at(), asked_at);
            prop_assert_eq!(entry.fresh_until(), asked_at + u64::from(fresh));
            prop_assert_eq!(entry.held_until(), asked_at + u64::from(held));
            prop_assert_eq!(entry.stamp().unpack(), stamp);
            prop_assert_eq!(entry.into_fact(), fact);
        }
    }
}
