use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::cache::FactCache;
use crate::fact::Keep;
use crate::key::Key;
use crate::purge_log::{ProviderPurges, PurgeLog};
use crate::slots::{Census, Slots};
use crate::stamp::{Mark, Stamp};

/// Thread that frees purged entries, and counts them. The only writer of the [`PurgeLog`] apart
/// from doubts, which free their entries themselves.
///
/// A purge is in force before the thread runs. One thread passes over the cache for all purges
/// together, a slice at a time, and holds no lock for longer than one entry takes. It ends with its
/// owner.
pub(crate) struct Sweeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    log: Arc<PurgeLog>,
    slots: Arc<Slots>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Purges that the next pass counts.
    orders: Vec<Order>,
    /// True if anything was purged since the last pass began.
    is_due: bool,
    is_over: bool,
}

struct Order {
    number: u64,
    marks: Vec<Marked>,
    removed: Arc<AtomicUsize>,
    done: oneshot::Sender<()>,
}

/// Mark of a purge, with the purges of its provider.
pub(crate) type Marked = (Arc<ProviderPurges>, Mark);

/// Running count of a purge.
pub(crate) struct Count {
    pub(crate) removed: Arc<AtomicUsize>,
    /// Resolves at the end of the pass, to an error if it failed.
    pub(crate) done: oneshot::Receiver<()>,
}

/// Most purges that one pass counts; excess is in force, but not counted.
const MAX_ORDERS: usize = 64;

/// Entries between two rests: some 20 µs of work, for which a hit may have to wait.
const SLICE: usize = 64;

/// Rest after each slice, twice that with the slack of the system's timers, so that a pass takes a
/// fifth of one processor and no more.
const REST: Duration = Duration::from_micros(50);

/// Rest between two passes without a waiter.
const PAUSE: Duration = Duration::from_secs(1);

impl Sweeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// Fails if the system provides no thread.
    pub(crate) fn start<K: Keep>(
        log: Arc<PurgeLog>,
        slots: Arc<Slots>,
        cache: Arc<FactCache<K>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            log,
            slots,
            state: Mutex::default(),
            wake: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("cache-sweeper".to_owned());
        let thread = thread.spawn(move || own.run(&cache))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Puts a purge in force, and schedules a pass unless all marks are single keys, which the
    /// caller removes without one. Returns the number of the purge.
    pub(crate) fn purge(&self, marks: &[Marked]) -> u64 {
        let mut state = self.shared.lock();
        let number = self.shared.log.append(marks);
        if marks.iter().any(|(_, mark)| mark.key().is_none()) {
            state.is_due = true;
            self.shared.wake.notify_one();
        }
        number
    }

    /// Schedules a pass, which frees the facts of slots that are retired or gone.
    pub(crate) fn sweep(&self) {
        self.shared.lock().is_due = true;
        self.shared.wake.notify_one();
    }

    /// Puts a purge in force, counted by a pass that begins as soon as the current one ends. `None`
    /// if too many are waiting to be counted.
    pub(crate) fn purge_counted(&self, marks: Vec<Marked>) -> Option<Count> {
        let mut state = self.shared.lock();
        // While the lock is held: no pass may begin that would free entries of this purge
        // uncounted.
        let number = self.shared.log.append(&marks);
        state.is_due = true;
        self.shared.wake.notify_one();
        if state.orders.len() >= MAX_ORDERS {
            return None;
        }
        let (done, resolved) = oneshot::channel();
        let removed = Arc::default();
        state.orders.push(Order {
            number,
            marks,
            removed: Arc::clone(&removed),
            done,
        });
        Some(Count {
            removed,
            done: resolved,
        })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.wake.notify_one();
        // Within a slice.
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("cache sweeper panicked");
        }
    }
}

impl Shared {
    fn run<K: Keep>(&self, cache: &FactCache<K>) {
        let mut rested = Instant::now();
        while let Some((orders, up_to)) = self.next(rested) {
            match catch_unwind(AssertUnwindSafe(|| self.pass(cache, up_to, &orders))) {
                Ok(Pass::Through) => orders.into_iter().for_each(Order::settle),
                Ok(Pass::Over) => return,
                // The dropped order tells its waiter.
                Err(_) => {
                    tracing::error!("cache sweep panicked; purges are in force, but not counted")
                }
            }
            rested = Instant::now() + PAUSE;
        }
    }

    /// Waits for a pass to be due: at once if one is waited for, else not before `rested`. Returns
    /// the purges to count, and the number of the latest one that the pass covers; `None` at the
    /// end.
    fn next(&self, rested: Instant) -> Option<(Vec<Order>, u64)> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            let rest = rested.saturating_duration_since(Instant::now());
            if !state.orders.is_empty() || state.is_due && rest.is_zero() {
                state.is_due = false;
                return Some((std::mem::take(&mut state.orders), self.log.latest()));
            }
            state = if state.is_due {
                self.wake
                    .wait_timeout(state, rest)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            } else {
                self.wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// Removes what purges up to a number refuse. A newer purge is left to the next pass, which
    /// counts it.
    fn pass<K: Keep>(&self, cache: &FactCache<K>, up_to: u64, orders: &[Order]) -> Pass {
        let mut visited = 0;
        let census = self.slots.census();
        for entry in cache.entries() {
            visited += 1;
            if visited % SLICE == 0 && self.is_over_after(REST) {
                return Pass::Over;
            }
            let (key, stamp) = (entry.key(), entry.stamp());
            if !is_refused(&census, &key, &stamp, up_to) || !entry.remove() {
                continue;
            }
            cache.count_purged(1);
            if let Some(order) = orders.iter().find(|order| order.selects(key, &stamp)) {
                order.removed.fetch_add(1, Relaxed);
            }
        }
        self.slots.free(&census);
        Pass::Through
    }

    fn is_over_after(&self, rest: Duration) -> bool {
        let state = self.lock();
        let waited = self
            .wake
            .wait_timeout_while(state, rest, |state| !state.is_over);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true if purges up to a number refuse the fact, or its slot is retired or gone. A slot
/// that is newer than the census has no such facts.
fn is_refused(census: &Census, key: &Key, stamp: &Stamp, up_to: u64) -> bool {
    match census.purges.get(&stamp.slot) {
        Some(purges) => {
            purges.refuse(key, stamp) && purges.newest_that_selects(key, stamp) <= up_to
        }
        None => census.is_gone(stamp.slot),
    }
}

enum Pass {
    Through,
    Over,
}

impl Order {
    fn settle(self) {
        // The waiter may have left.
        let _ = self.done.send(());
    }

    fn selects(&self, key: Key, stamp: &Stamp) -> bool {
        let is_older = stamp.number < self.number;
        let mut here = self
            .marks
            .iter()
            .filter(|(purges, _)| purges.slot() == stamp.slot);
        is_older && here.any(|(_, mark)| mark.selects(key, stamp.tags))
    }
}
