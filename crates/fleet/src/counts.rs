use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Event that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Fact of another replica that was used.
    Hit,
    /// Lookup without a usable fact.
    Miss,
    /// Lookup that waited for another replica's request.
    Waited,
    /// Fact that purges or its age refuse.
    Refused,
    /// Value that was not sealed for its key by this fleet.
    Tampered,
    /// Lookup without the store: it fails, is slow, or the purges of others are not heard.
    Unavailable,
    /// Fact that was stored for the others.
    Stored,
    /// Purge of another replica that was put in force here.
    Purge,
    /// Purge of this replica that is in the stream.
    Published,
    /// Entry of the stream that nobody with this secret wrote.
    Foreign,
    /// Loss of entries of the stream, after which every fact was dropped.
    Gap,
    /// Failed or late operation of the store.
    Failure,
}

/// Numbers of events since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts([AtomicU64; Counted::ALL.len()]);

/// State of the shared tier, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Time since all purges of others were in force here.
    pub heard: Duration,
    /// Longest use of facts without hearing.
    pub trust: Duration,
    /// True while the stream was read to its end and facts are exchanged.
    pub is_ready: bool,
    /// Purges that wait to be written to the stream.
    pub pending: usize,
}

impl Counted {
    /// All events, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Hit,
        Self::Miss,
        Self::Waited,
        Self::Refused,
        Self::Tampered,
        Self::Unavailable,
        Self::Stored,
        Self::Purge,
        Self::Published,
        Self::Foreign,
        Self::Gap,
        Self::Failure,
    ];

    /// Returns the word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Waited => "waited",
            Self::Refused => "refused",
            Self::Tampered => "tampered",
            Self::Unavailable => "unavailable",
            Self::Stored => "stored",
            Self::Purge => "purge",
            Self::Published => "published",
            Self::Foreign => "foreign",
            Self::Gap => "gap",
            Self::Failure => "failure",
        }
    }
}

impl Counts {
    pub(crate) fn add(&self, event: Counted) {
        if let Some(count) = self.0.get(event as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn get(&self, event: Counted) -> u64 {
        self.0
            .get(event as usize)
            .map_or(0, |count| count.load(Relaxed))
    }
}
