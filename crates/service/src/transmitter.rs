use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use introspectd_core::{ProviderName, Selection, Timestamp};
use introspectd_events::Expected;
use introspectd_jwks::KeySource;

use crate::access::SecretDigest;

/// Server that tells of its subjects: a transmitter of security events, an issuer of logout tokens.
#[derive(Debug, Clone)]
pub struct Transmitter {
    /// Name in the configuration.
    pub name: String,
    /// Claims of its tokens.
    pub expected: Expected,
    /// Keys of its signatures.
    pub keys: Arc<KeySource>,
    /// Providers whose facts its messages may purge.
    pub providers: Selection<ProviderName>,
    /// True if a subject that facts may not know by its name purges all facts of the providers.
    pub falls_back: bool,
    /// `Authorization` header that it shows, if it does.
    pub authorization: Option<SecretDigest>,
    /// True if its events are polled, so that none is taken that is pushed.
    pub is_polled: bool,
    /// Counts and times of its messages.
    pub record: Arc<TransmitterRecord>,
}

/// All transmitters of a configuration.
#[derive(Debug, Default)]
pub struct Transmitters(Vec<Arc<Transmitter>>);

/// Result of a transmitter's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Facts of the subject are purged.
    Purged,
    /// The subject is named in a way that facts may not be, and nothing says what to purge.
    Unmatched,
    /// The stream was verified.
    Verified,
    /// The event means nothing here.
    Ignored,
    /// The message was acted upon before.
    Repeated,
    /// The message is not accepted.
    Refused,
    /// The message could not be judged or acted upon now, and is to be sent again.
    Postponed,
}

/// Counts and times of a transmitter's messages, by what they led to.
#[derive(Debug)]
pub struct TransmitterRecord {
    counts: [AtomicU64; Consequence::ALL.len()],
    accepted_at: AtomicI64,
    verified_at: AtomicI64,
}

/// Time before any message, in place of none.
const NEVER: i64 = i64::MIN;

impl Consequence {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Purged,
        Self::Unmatched,
        Self::Verified,
        Self::Ignored,
        Self::Repeated,
        Self::Refused,
        Self::Postponed,
    ];

    /// Returns the word, as metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purged => "purged",
            Self::Unmatched => "unmatched",
            Self::Verified => "verified",
            Self::Ignored => "ignored",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
            Self::Postponed => "postponed",
        }
    }
}

impl Transmitters {
    /// Collects transmitters. No two have the same issuer or `Authorization`.
    pub fn new(all: impl IntoIterator<Item = Arc<Transmitter>>) -> Self {
        Self(all.into_iter().collect())
    }

    /// Iterates over all.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Transmitter>> {
        self.0.iter()
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the transmitter that a message claims to be of.
    pub fn of_issuer(&self, issuer: &str) -> Option<&Arc<Transmitter>> {
        let mut all = self.0.iter();
        all.find(|it| it.expected.issuer == issuer)
    }

    /// Finds the transmitter that shows this `Authorization`. Each is compared, in constant time.
    pub fn showing(&self, authorization: &[u8]) -> Option<&Arc<Transmitter>> {
        let shown = digest(authorization)?;
        self.0.iter().fold(None, |found, it| {
            let expected = it.authorization.as_ref();
            let is_its = expected.is_some_and(|expected| expected.matches(&shown));
            if is_its { Some(it) } else { found }
        })
    }

    /// Returns true if whoever shows this `Authorization` may be a transmitter that pushes, so that
    /// its message is worth reading.
    pub fn may_push(&self, authorization: Option<&[u8]>) -> bool {
        let mut all = self.0.iter();
        all.any(|it| !it.is_polled && it.accepts(authorization))
    }
}

impl Transmitter {
    /// Returns true if this `Authorization` is the transmitter's, or it shows none that is known.
    pub(crate) fn accepts(&self, authorization: Option<&[u8]>) -> bool {
        match &self.authorization {
            None => true,
            Some(expected) => {
                let shown = authorization.and_then(digest);
                shown.is_some_and(|shown| expected.matches(&shown))
            }
        }
    }
}

fn digest(authorization: &[u8]) -> Option<SecretDigest> {
    let text = std::str::from_utf8(authorization).ok()?;
    Some(SecretDigest::of(text))
}

impl TransmitterRecord {
    /// Notes what a message led to.
    pub(crate) fn note(&self, consequence: Consequence, now: Timestamp) {
        if let Some(count) = self.counts.get(consequence as usize) {
            count.fetch_add(1, Relaxed);
        }
        match consequence {
            Consequence::Refused | Consequence::Postponed => return,
            Consequence::Verified => self.verified_at.store(now.seconds(), Relaxed),
            Consequence::Purged
            | Consequence::Unmatched
            | Consequence::Ignored
            | Consequence::Repeated => {}
        }
        self.accepted_at.store(now.seconds(), Relaxed);
    }

    /// Returns the number of messages that led to this.
    pub fn total(&self, consequence: Consequence) -> u64 {
        let count = self.counts.get(consequence as usize);
        count.map_or(0, |count| count.load(Relaxed))
    }

    /// Returns the time of the last message that was accepted.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        Timestamp::from_seconds(self.accepted_at.load(Relaxed))
    }

    /// Returns the time of the last verification of the stream.
    pub fn verified_at(&self) -> Option<Timestamp> {
        Timestamp::from_seconds(self.verified_at.load(Relaxed))
    }
}

impl Default for TransmitterRecord {
    fn default() -> Self {
        Self {
            counts: Default::default(),
            accepted_at: AtomicI64::new(NEVER),
            verified_at: AtomicI64::new(NEVER),
        }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
