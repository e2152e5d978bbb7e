//! Facts in the form that replicas exchange.

use introspectd_core::{Expiry, Status, Timestamp, Validity};
use introspectd_fleet::{FactName, Mode};

use crate::fact::{Fact, Keep, Record};
use crate::key::Subject;
use crate::slot::ProviderSlot;

/// Bytes of a validity: status, end, start.
const VALIDITY: usize = 1 + 5 + 5;

/// All statuses, in the order of their numbers.
const STATUSES: [Status; 6] = [
    Status::Good,
    Status::Revoked,
    Status::RevokedHere,
    Status::Expired,
    Status::Unknown,
    Status::Unreported,
];

/// Name of the fact about a subject.
pub(crate) fn name<'a>(slot: &'a ProviderSlot, subject: &'a Subject) -> FactName<'a> {
    let (mode, subject) = match subject {
        Subject::Token(token) => (Mode::Token, token.expose()),
        Subject::Id(id) => (Mode::Id, id.as_str()),
    };
    FactName {
        provider: slot.name(),
        revision: slot.entry.revision,
        mode,
        subject,
    }
}

/// Writes a fact; `None` if it is not shared. One without a record is empty.
pub(crate) fn write<K: Keep>(fact: &Fact<K>) -> Option<Vec<u8>> {
    let Some(Record { validity, kept }) = &fact.record else {
        return Some(Vec::new());
    };
    let kept = kept.write()?;
    let status = STATUSES
        .iter()
        .position(|status| *status == validity.status)?;
    let end = match validity.expiry {
        Expiry::At(end) => Some(end),
        Expiry::Never => None,
    };
    let time = |time: Option<Timestamp>| time.map_or([0; 5], Timestamp::to_bytes);
    let mut bytes = Vec::with_capacity(VALIDITY + kept.len());
    bytes.push(u8::try_from(status).ok()?);
    bytes.extend(time(end));
    bytes.extend(time(validity.nbf));
    bytes.extend(kept);
    Some(bytes)
}

/// Reads a fact; `None` for bytes that no replica of this version writes.
pub(crate) fn read<K: Keep>(bytes: &[u8]) -> Option<Fact<K>> {
    let Some((status, rest)) = bytes.split_first() else {
        return Some(Fact { record: None });
    };
    let (end, rest) = rest.split_first_chunk()?;
    let (nbf, kept) = rest.split_first_chunk()?;
    // None for zeros, and for any other bytes that are no time.
    let time = |bytes: [u8; 5]| match Timestamp::from_bytes(bytes) {
        None if bytes != [0; 5] => None,
        time => Some(time),
    };
    let validity = Validity {
        status: *STATUSES.get(usize::from(*status))?,
        expiry: time(*end)?.map_or(Expiry::Never, Expiry::At),
        nbf: time(*nbf)?,
    };
    let kept = K::read(kept)?;
    Some(Fact {
        record: Some(Record { validity, kept }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{ProviderName, Token};
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Bytes(Vec<u8>);

    impl Keep for Bytes {
        fn keep(_: &ProviderName, _: Token) -> Self {
            Self(Vec::new())
        }

        fn size(&self) -> usize {
            self.0.len()
        }

        fn write(&self) -> Option<Vec<u8>> {
            Some(self.0.clone())
        }

        fn read(bytes: &[u8]) -> Option<Self> {
            Some(Self(bytes.to_vec()))
        }
    }

    fn time() -> impl Strategy<Value = Option<Timestamp>> {
        let all = Timestamp::MIN.seconds()..=Timestamp::MAX.seconds();
        prop::option::of(all.prop_map(|seconds| Timestamp::from_seconds(seconds).unwrap()))
    }

    proptest! {
        #[test]
        fn fact_survives_the_exchange(
            status in prop::sample::select(STATUSES.to_vec()),
            end in time(),
            nbf in time(),
            kept: Vec<u8>,
        ) {
            let expiry = end.map_or(Expiry::Never, Expiry::At);
            let validity = Validity { status, expiry, nbf };
            let fact = Fact { record: Some(Record { validity, kept: Bytes(kept) }) };
            prop_assert_eq!(read(&write(&fact).unwrap()), Some(fact));
        }

        #[test]
        fn any_bytes_are_a_fact_or_none(bytes: Vec<u8>) {
            if let Some(fact) = read::<Bytes>(&bytes) {
                prop_assert_eq!(write(&fact), Some(bytes));
            }
        }
    }

    #[test]
    fn fact_without_a_record_is_empty() {
        let fact = Fact::<Bytes> { record: None };
        assert_eq!(write(&fact), Some(Vec::new()));
        assert_eq!(read::<Bytes>(&[]), Some(fact));
    }
}
