use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

/// Store that all replicas use: values that expire, and streams of entries.
///
/// No operation has a deadline of its own: the caller drops it. Each is a single round trip.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Reads the entries of a stream from the one with this id on, itself included, or from its
    /// beginning: at most [`Reading::MAX_ENTRIES`], in their order.
    async fn read(&self, stream: Stream, from: Option<EntryId>) -> Result<Reading, Down>;

    /// Waits until a stream may have an entry after this one, for at most `patience`.
    async fn wait(&self, stream: Stream, after: EntryId, patience: Duration) -> Result<(), Down>;

    /// Appends an entry to a stream, from which it drops entries older than `keep`, or more than
    /// `max` of them. Returns the entry's id, which is higher than all before.
    async fn append(&self, stream: Stream, sealed: &[Vec<u8>], keep: Kept)
    -> Result<EntryId, Down>;

    /// Returns the values of these keys.
    async fn get(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Down>;

    /// Returns the values of these keys and of the lease, and sets the lease where none of them has
    /// one, in one step. All keys are in one slot of a cluster.
    async fn take(
        &self,
        keys: &[&str],
        lease: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<Taken, Down>;

    /// Sets a value that expires after `life`, unless the key has one. Returns true if it did.
    async fn set_new(&self, key: &str, value: &[u8], life: Duration) -> Result<bool, Down>;

    /// Replaces a value if it is `expected`. Returns true if it did.
    async fn replace(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Down>;

    /// Deletes the lease and sets the value if the lease is `expected`, in one step. Both keys are
    /// in one slot of a cluster. Returns true if it did.
    async fn fill(
        &self,
        lease: &str,
        expected: &[u8],
        key: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Down>;

    /// Deletes a value if it is `expected`.
    async fn delete(&self, key: &str, expected: &[u8]) -> Result<(), Down>;

    /// Reports settings of the store that weaken what is promised, each as a sentence.
    async fn weaknesses(&self, trust: Duration) -> Result<Vec<String>, Down>;
}

/// Stream of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Purges and heartbeats, in the order that counts.
    Purges,
    /// Confirmed revocations, for replicas that start later.
    Revocations,
}

/// Part of a stream that is kept when an entry is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Entries of this last time, by the store's clock.
    Time(Duration),
    /// Latest entries, about this number.
    Entries(u64),
}

/// Id of an entry, in the order of its stream: the store's clock in milliseconds, which never goes
/// back here, and a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970.
    pub millis: u64,
    /// Sequence number within the millisecond.
    pub sequence: u64,
}

/// Entry of a stream: one sealed text for each secret of its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id that the store gave it.
    pub id: EntryId,
    /// Sealed texts.
    pub sealed: Vec<Vec<u8>>,
}

/// Snapshot of a part of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Entries in their order.
    pub entries: Vec<Entry>,
    /// Time of the store's clock, since 1970.
    pub time: Duration,
}

/// Outcome of a look that takes a lease where there is nothing to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The lease was set: neither it nor any of the keys had a value.
    Lease,
    /// Values of the keys, and of the lease, as they were and are.
    Values {
        /// Values of the keys.
        values: Vec<Option<Vec<u8>>>,
        /// Value of the lease.
        lease: Option<Vec<u8>>,
    },
}

/// Failure of the store. It says nothing about any token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Down(pub String);

impl Reading {
    /// Most entries of one reading.
    pub const MAX_ENTRIES: usize = 1000;
}

impl EntryId {
    /// Reads the form `1526919030474-55`.
    pub fn parse(text: &str) -> Option<Self> {
        let (millis, sequence) = text.split_once('-')?;
        Some(Self {
            millis: millis.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}
