use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::Clock;
use tokio::sync::Notify;

use crate::store::{Down, Entry, EntryId, Kept, Reading, Store, Stream, Taken};
use crate::time::millis;

/// Store in memory, with the faults of a real one. For tests: all replicas are in one process.
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

/// One replica's way to a [`MemoryStore`], which can be cut.
#[derive(Clone)]
pub struct Link {
    store: MemoryStore,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// Fault of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every operation fails at once.
    Refused,
    /// No operation ever ends.
    Hanging,
    /// Writes arrive, and no response comes back.
    Deaf,
}

struct Shared {
    data: Mutex<Data>,
    clock: Arc<dyn Clock>,
    appended: Notify,
    /// Decides how often others run before an operation.
    random: Mutex<fastrand::Rng>,
}

#[derive(Default)]
struct Data {
    values: HashMap<String, (Vec<u8>, Duration)>,
    purges: Vec<Entry>,
    revocations: Vec<Entry>,
}

impl MemoryStore {
    /// Creates an empty store, whose time is this clock's.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_seed(clock, 0)
    }

    /// Creates an empty store whose operations interleave by this seed.
    pub fn with_seed(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self(Arc::new(Shared {
            data: Mutex::default(),
            clock,
            appended: Notify::new(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
        }))
    }

    /// Creates a way to this store.
    pub fn link(&self) -> Link {
        Link {
            store: self.clone(),
            fault: Arc::default(),
        }
    }

    /// Loses everything, as after `FLUSHALL`.
    pub fn flush(&self) {
        *self.data() = Data::default();
    }

    /// Loses the last entries of the stream of purges, as in a failover.
    pub fn lose_last(&self, entries: usize) {
        let mut data = self.data();
        let kept = data.purges.len().saturating_sub(entries);
        data.purges.truncate(kept);
    }

    /// Deletes an entry of the stream of purges, counted from its end.
    pub fn delete_from_end(&self, nth: usize) {
        let mut data = self.data();
        if let Some(place) = data.purges.len().checked_sub(nth + 1) {
            data.purges.remove(place);
        }
    }

    /// Appends bytes of somebody else to the stream of purges.
    pub fn append_foreign(&self, sealed: &[u8]) {
        let id = self.next_id(&self.data().purges);
        self.data().purges.push(Entry {
            id,
            sealed: vec![sealed.to_vec()],
        });
        self.0.appended.notify_waiters();
    }

    /// Applies a change to every value.
    pub fn tamper(&self, change: impl Fn(&str, &mut Vec<u8>)) {
        let mut data = self.data();
        data.values
            .iter_mut()
            .for_each(|(key, (value, _))| change(key, value));
    }

    /// All that lies in the store, as bytes.
    pub fn dump(&self) -> Vec<Vec<u8>> {
        let data = self.data();
        let values = data
            .values
            .iter()
            .flat_map(|(key, (value, _))| [key.clone().into_bytes(), value.clone()]);
        let entries = data.purges.iter().chain(&data.revocations);
        values
            .chain(entries.flat_map(|entry| entry.sealed.clone()))
            .collect()
    }

    /// Keys that have a value.
    pub fn keys(&self) -> Vec<String> {
        let now = self.0.clock.elapsed();
        let data = self.data();
        let live = data.values.iter().filter(|(_, (_, end))| *end > now);
        live.map(|(key, _)| key.clone()).collect()
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.0.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn let_others_run(&self) {
        let times = {
            let mut random = self.0.random.lock();
            let random = random.as_mut();
            random.map_or(1, |random| random.u8(1..6))
        };
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    fn next_id(&self, entries: &[Entry]) -> EntryId {
        let millis = millis(self.0.clock.elapsed());
        match entries.last() {
            Some(Entry { id, .. }) if id.millis >= millis => EntryId {
                millis: id.millis,
                sequence: id.sequence + 1,
            },
            Some(_) | None => EntryId {
                millis,
                sequence: 0,
            },
        }
    }
}

impl Data {
    fn stream(&mut self, stream: Stream) -> &mut Vec<Entry> {
        match stream {
            Stream::Purges => &mut self.purges,
            Stream::Revocations => &mut self.revocations,
        }
    }

    fn live(&self, key: &str, now: Duration) -> Option<&Vec<u8>> {
        let value = self.values.get(key);
        value.filter(|(_, end)| *end > now).map(|(value, _)| value)
    }

    fn holds(&self, key: &str, expected: &[u8], now: Duration) -> bool {
        self.live(key, now).is_some_and(|held| held == expected)
    }

    fn set(&mut self, key: &str, value: &[u8], end: Duration) {
        self.values.insert(key.to_owned(), (value.to_vec(), end));
    }
}

impl Link {
    /// Sets the fault of this way, or heals it.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn operate<T>(&self, operation: impl FnOnce(&MemoryStore) -> T) -> Result<T, Down> {
        // As with a real store, others run before it and after it.
        self.store.let_others_run().await;
        match self.fault() {
            None => {
                let outcome = operation(&self.store);
                self.store.let_others_run().await;
                Ok(outcome)
            }
            Some(Fault::Refused) => Err(Down("refused".to_owned())),
            Some(Fault::Hanging) => std::future::pending().await,
            Some(Fault::Deaf) => {
                operation(&self.store);
                std::future::pending().await
            }
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("fault", &self.fault())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Link {
    async fn read(&self, stream: Stream, from: Option<EntryId>) -> Result<Reading, Down> {
        self.operate(|store| {
            let mut data = store.data();
            let entries = data.stream(stream).iter();
            let entries = entries.filter(|entry| from.is_none_or(|from| entry.id >= from));
            Reading {
                entries: entries.take(Reading::MAX_ENTRIES).cloned().collect(),
                time: store.0.clock.elapsed(),
            }
        })
        .await
    }

    async fn wait(&self, stream: Stream, after: EntryId, patience: Duration) -> Result<(), Down> {
        let news = async {
            loop {
                let appended = self.store.0.appended.notified();
                let is_newer = |store: &MemoryStore| {
                    let mut data = store.data();
                    data.stream(stream)
                        .last()
                        .is_some_and(|entry| entry.id > after)
                };
                if self.operate(is_newer).await? {
                    return Ok(());
                }
                appended.await;
            }
        };
        match tokio::time::timeout(patience, news).await {
            Ok(outcome) => outcome,
            Err(_) if self.fault().is_some() => Err(Down("cut".to_owned())),
            Err(_) => Ok(()),
        }
    }

    async fn append(
        &self,
        stream: Stream,
        sealed: &[Vec<u8>],
        keep: Kept,
    ) -> Result<EntryId, Down> {
        self.operate(|store| {
            let mut data = store.data();
            let entries = data.stream(stream);
            let id = store.next_id(entries);
            entries.push(Entry {
                id,
                sealed: sealed.to_vec(),
            });
            match keep {
                Kept::Time(time) => {
                    let oldest = id.millis.saturating_sub(millis(time));
                    entries.retain(|entry| entry.id.millis >= oldest);
                }
                Kept::Entries(most) => {
                    let most = usize::try_from(most).unwrap_or(usize::MAX);
                    let excess = entries.len().saturating_sub(most);
                    entries.drain(..excess);
                }
            }
            drop(data);
            store.0.appended.notify_waiters();
            id
        })
        .await
    }

    async fn get(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Down> {
        self.operate(|store| {
            let now = store.0.clock.elapsed();
            let data = store.data();
            keys.iter()
                .map(|key| data.live(key, now).cloned())
                .collect()
        })
        .await
    }

    async fn take(
        &self,
        keys: &[&str],
        lease: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<Taken, Down> {
        self.operate(|store| {
            let now = store.0.clock.elapsed();
            let mut data = store.data();
            let values: Vec<_> = keys
                .iter()
                .map(|key| data.live(key, now).cloned())
                .collect();
            let held = data.live(lease, now).cloned();
            if held.is_none() && values.iter().all(Option::is_none) {
                data.set(lease, value, now + life);
                return Taken::Lease;
            }
            Taken::Values {
                values,
                lease: held,
            }
        })
        .await
    }

    async fn set_new(&self, key: &str, value: &[u8], life: Duration) -> Result<bool, Down> {
        self.operate(|store| {
            let now = store.0.clock.elapsed();
            let mut data = store.data();
            let is_new = data.live(key, now).is_none();
            if is_new {
                data.set(key, value, now + life);
            }
            is_new
        })
        .await
    }

    async fn replace(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Down> {
        self.operate(|store| {
            let now = store.0.clock.elapsed();
            let mut data = store.data();
            let is_held = data.holds(key, expected, now);
            if is_held {
                data.set(key, value, now + life);
            }
            is_held
        })
        .await
    }

    async fn fill(
        &self,
        lease: &str,
        expected: &[u8],
        key: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Down> {
        self.operate(|store| {
            let now = store.0.clock.elapsed();
            let mut data = store.data();
            let is_held = data.holds(lease, expected, now);
            if is_held {
                data.values.remove(lease);
                data.set(key, value, now + life);
            }
            is_held
        })
        .await
    }

    async fn delete(&self, key: &str, expected: &[u8]) -> Result<(), Down> {
        self.operate(|store| {
            let now = store.0.clock.elapsed();
            let mut data = store.data();
            if data.holds(key, expected, now) {
                data.values.remove(key);
            }
        })
        .await
    }

    async fn weaknesses(&self, _: Duration) -> Result<Vec<String>, Down> {
        Ok(Vec::new())
    }
}
