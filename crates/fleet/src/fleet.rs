use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use introspectd_core::Clock;
use introspectd_keys::Key;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::breaker::Breaker;
use crate::counts::{Counted, Counts, Status};
use crate::digest::Digests;
use crate::hearing::Hearing;
use crate::index::Index;
use crate::message::Author;
use crate::outbox::Outbox;
use crate::per_second::PerSecond;
use crate::purge::{LocalPurge, Purge, Revocation};
use crate::secret::{FleetSecret, Keyring};
use crate::store::{Down, Store};
use crate::store_clock::StoreClock;

/// Shared tier of one replica: facts of the others, and the order of all purges.
///
/// Facts are exchanged by [`Fleet::find`]; purges by [`Fleet::publish`], and by
/// [`Fleet::follow`], which puts those of the others in force.
pub struct Fleet {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) settings: FleetSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hearing: Arc<Hearing>,
    pub(crate) store_clock: StoreClock,
    pub(crate) breaker: Breaker,
    pub(crate) counts: Counts,
    pub(crate) author: Author,
    pub(crate) outbox: Outbox,
    pub(crate) fills: Arc<Semaphore>,
    pub(crate) unknowns: PerSecond,
    pub(crate) runtime: Handle,
    /// True until the stream was read to its end for the first time, or could not be read.
    pub(crate) is_starting: watch::Sender<bool>,
    order: Mutex<Order>,
}

/// Settings of the shared tier.
#[derive(Debug, Clone)]
pub struct FleetSettings {
    /// Beginning of every key in the store.
    pub prefix: String,
    /// Most of a request's deadline that may be spent waiting for the store, from 0 to 1.
    pub share: f64,
    /// Longest use of facts while the purges of others are not heard.
    pub trust: Duration,
    /// Time that the stream of purges is kept for: no fact lives longer.
    pub keep: Duration,
}

/// Replica, as its fleet knows it.
pub trait Replica: Send + Sync + 'static {
    /// Remembers the purge's revocations, puts it in force, and returns its place in the replica's
    /// own order of purges.
    fn apply(&self, purge: &Purge) -> u64;

    /// Remembers revocations of which the purges are in force already.
    fn learn(&self, revoked: &[Revocation]);

    /// Place of the latest purge.
    fn latest(&self) -> u64;
}

/// Failure to tell the other replicas of a purge in time. It is in force at this one, and written
/// again until the others have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the purge is in force at this replica only; it is published as soon as possible")]
pub struct NotShared;

/// Order of purges, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) index: Index,
    /// True once the stream was read to its end.
    pub(crate) is_ready: bool,
}

/// Deadline for a purge to be read back.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(5);

/// Most facts that are stored at once; the others are not shared.
const MAX_FILLS: usize = 256;

/// Most facts of unknown tokens that are stored in a second, so that made-up tokens leave room.
const UNKNOWNS_A_SECOND: u32 = 1000;

impl Fleet {
    /// Creates the shared tier of a process. Its background work runs on this runtime.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn new(
        store: Arc<dyn Store>,
        secret: &FleetSecret,
        previous: Option<&FleetSecret>,
        settings: FleetSettings,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> io::Result<Self> {
        Ok(Self {
            store,
            keyring: Keyring::new(secret, previous)?,
            hearing: Arc::new(Hearing::new(settings.trust)),
            settings,
            clock,
            store_clock: StoreClock::default(),
            breaker: Breaker::default(),
            counts: Counts::default(),
            author: nonce()?,
            outbox: Outbox::default(),
            fills: Arc::new(Semaphore::new(MAX_FILLS)),
            unknowns: PerSecond::new(UNKNOWNS_A_SECOND),
            runtime,
            is_starting: watch::Sender::new(true),
            order: Mutex::default(),
        })
    }

    /// Digests by which this fleet's purges select facts.
    pub fn digests(&self) -> &Digests {
        &self.keyring.current.digests
    }

    /// Hearing of this replica, by which each use of a fact is judged.
    pub fn hearing(&self) -> &Arc<Hearing> {
        &self.hearing
    }

    /// Publishes a purge that is in force here. Returns once it was read back, so that every
    /// replica that hears has it within one hop. Safe to drop: it is published all the same.
    ///
    /// # Errors
    /// [`NotShared`] after 5 s.
    pub async fn publish(&self, purge: LocalPurge) -> Result<(), NotShared> {
        let read_back = self.outbox.push(purge);
        match timeout(PUBLISH_DEADLINE, read_back).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotShared),
        }
    }

    /// Publishes a purge that nobody waits for.
    pub fn publish_later(&self, purge: LocalPurge) {
        drop(self.outbox.push(purge));
    }

    /// Most time that a request with this deadline waits for the store.
    pub fn share_of(&self, timeout: Duration) -> Duration {
        timeout.mul_f64(self.settings.share)
    }

    /// Digests of the former secret, while it rotates.
    pub fn former_digests(&self) -> Option<&Digests> {
        self.keyring.previous.as_ref().map(|keys| &keys.digests)
    }

    /// State for operators.
    pub fn status(&self) -> Status {
        Status {
            heard: self.hearing.age(self.clock.elapsed()),
            trust: self.hearing.trust(),
            is_ready: self.order().is_ready,
            pending: self.outbox.pending(),
        }
    }

    /// Number of events of this kind since the start.
    pub fn total(&self, event: Counted) -> u64 {
        self.counts.get(event)
    }

    pub(crate) fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Awaits an operation of the store for at most this time, and notes how the store does.
    pub(crate) async fn within<T>(
        &self,
        deadline: Duration,
        operation: impl Future<Output = Result<T, Down>>,
    ) -> Result<T, Down> {
        let outcome = match timeout(deadline, operation).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Down("no response in time".to_owned())),
        };
        match &outcome {
            Ok(_) => self.breaker.succeeded(),
            Err(Down(reason)) => {
                tracing::debug!(%reason, "shared cache operation failed");
                self.breaker.failed(self.clock.elapsed());
                self.counts.add(Counted::Failure);
            }
        }
        outcome
    }
}

/// Random bytes that name a process or a lease.
///
/// # Errors
/// Fails if the system provides none.
pub(crate) fn nonce() -> io::Result<[u8; 16]> {
    // A key is 32 random bytes.
    Ok(Key::random()?.hash(b"nonce").truncated())
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("store", &self.store)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
