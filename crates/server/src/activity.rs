use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lane::{Lane, SharedLane};

/// Unsent answers of one connection, in bytes. A client that does not read gets no further answers.
pub(crate) const MAX_UNSENT: usize = 4 << 20;

/// Interval at which a cancellable request checks whether its client has hung up. Each check wakes
/// the connection, which then notices that it is closed.
const HANGUP_CHECK: Duration = Duration::from_millis(100);

/// Number of distinct generations of unsent answers, each of [`GENERATION`] ticks.
const GENERATIONS: usize = 16;

/// Ticks of one generation.
const GENERATION: u32 = 10;

/// Generations after which an answer must have been taken: two minutes.
const OVERDUE: usize = 12;

/// State of one connection, shared by its task, its requests and the acceptor.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) accepted: Instant,
    begun: AtomicUsize,
    ended: AtomicUsize,
    recognized: AtomicBool,
    pub(crate) lane: SharedLane,
    is_last: AtomicBool,
    is_blocked: AtomicBool,
    taken: AtomicUsize,
    unsent: AtomicUsize,
    generations: [AtomicU32; GENERATIONS],
    tick: AtomicU32,
    evicted: Notify,
    is_watched: AtomicBool,
    has_hung_up: AtomicBool,
}

/// Request whose head has arrived and whose answer is not ready.
pub(crate) struct InFlight(Arc<Activity>);

/// Answer, or a piece of one, that the client has not taken. Dropped when it was sent, or never
/// will be.
#[derive(Debug)]
pub(crate) struct Unsent {
    activity: Arc<Activity>,
    bytes: usize,
    generation: Option<usize>,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            accepted: Instant::now(),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            recognized: AtomicBool::new(false),
            lane: SharedLane::default(),
            is_last: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            generations: Default::default(),
            tick: AtomicU32::new(0),
            evicted: Notify::new(),
            is_watched: AtomicBool::new(false),
            has_hung_up: AtomicBool::new(false),
        })
    }

    /// Returns true if a request waits for the client to hang up.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Relaxed)
    }

    /// Notes that the client has closed its sending half.
    pub(crate) fn hang_up(&self) {
        self.has_hung_up.store(true, Relaxed);
    }

    /// Resolves once the client has closed its sending half; checks every [`HANGUP_CHECK`].
    /// Cancel-safe.
    ///
    /// Over TCP a client that still listens looks the same, so only work that may be cancelled uses
    /// it.
    pub(crate) async fn hung_up(&self) {
        self.is_watched.store(true, Relaxed);
        while !self.has_hung_up.load(Relaxed) {
            tokio::time::sleep(HANGUP_CHECK).await;
        }
    }

    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Number of requests begun on this connection.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Relaxed)
    }

    /// Returns true if no request is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.begun() == self.ended.load(Relaxed)
    }

    /// Returns true if a caller has authenticated on this connection.
    pub(crate) fn is_recognized(&self) -> bool {
        self.recognized.load(Relaxed)
    }

    /// Marks the connection as authenticated; `true` the first time.
    pub(crate) fn recognize(&self) -> bool {
        if self.is_recognized() || self.recognized.swap(true, Relaxed) {
            return false;
        }
        self.lane.set(Lane::Callers);
        true
    }

    /// Makes the next HTTP/1.1 answer the last one of its connection.
    pub(crate) fn make_next_answer_last(&self) {
        self.is_last.store(true, Relaxed);
    }

    pub(crate) fn is_last(&self) -> bool {
        self.is_last.load(Relaxed)
    }

    /// Asks the connection to close, to make room for another one.
    pub(crate) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Resolves once [`evict`](Self::evict) was called. Cancel-safe.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Notes whether the socket took what was written.
    pub(crate) fn wrote(&self, all: bool) {
        if all && self.is_blocked.load(Relaxed) {
            self.taken.fetch_add(1, Relaxed);
        }
        self.is_blocked.store(!all, Relaxed);
    }

    /// Returns true if bytes wait for the client to take them.
    pub(crate) fn has_unsent(&self) -> bool {
        self.is_blocked.load(Relaxed) || self.unsent.load(Relaxed) > 0
    }

    /// Count of how often the client took what was unsent.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// Number of ticks since the connection was accepted.
    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Relaxed)
    }

    /// Counts ticks, fewer than a generation has. Returns whether an answer is unsent that was
    /// given two minutes ago.
    pub(crate) fn advance(&self, ticks: u32) -> bool {
        let tick = self.tick.load(Relaxed).wrapping_add(ticks);
        self.tick.store(tick, Relaxed);
        let oldest = generation(tick).wrapping_sub(OVERDUE) % GENERATIONS;
        self.generations
            .get(oldest)
            .is_some_and(|unsent| unsent.load(Relaxed) > 0)
    }

    /// Counts an answer of so many bytes as unsent; `None` where too many are unsent already.
    pub(crate) fn owe(self: &Arc<Self>, bytes: usize) -> Option<Unsent> {
        let unsent = self.unsent.load(Relaxed);
        if unsent > 0 && unsent.saturating_add(bytes) > MAX_UNSENT {
            return None;
        }
        self.unsent.fetch_add(bytes, Relaxed);
        let generation = generation(self.tick());
        if let Some(answers) = self.generations.get(generation) {
            answers.fetch_add(1, Relaxed);
        }
        Some(Unsent {
            activity: Arc::clone(self),
            bytes,
            generation: Some(generation),
        })
    }
}

fn generation(tick: u32) -> usize {
    (tick / GENERATION) as usize % GENERATIONS
}

impl Unsent {
    /// Part of it, of so many bytes.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            activity: Arc::clone(&self.activity),
            bytes,
            generation: None,
        }
    }
}

impl InFlight {
    /// Moves the connection to the strangers' thread if no caller has authenticated on it, and lets
    /// all others of its thread go first.
    ///
    /// A stranger may send hundreds of requests at once: what they cost is paid by the strangers'
    /// thread, and there by turns. Cancel-safe.
    pub(crate) async fn give_way(&self) {
        if !self.0.is_recognized() {
            self.0.lane.set(Lane::Strangers);
            tokio::task::yield_now().await;
        }
    }

    /// Ends the request. Returns whether its answer is the last one of its connection.
    pub(crate) fn end(self) -> bool {
        self.0.is_last()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.activity.unsent.fetch_sub(self.bytes, Relaxed);
        self.activity.taken.fetch_add(1, Relaxed);
        if let Some(answers) = self
            .generation
            .and_then(|index| self.activity.generations.get(index))
        {
            answers.fetch_sub(1, Relaxed);
        }
    }
}
