use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use introspectd_fleet::{Down, EntryId, Store, Stream};
use introspectd_redis::{RedisStore, RedisUrl, Settings};
use introspectd_redis_lab::until;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

pub(crate) const LIFE: Duration = Duration::from_secs(60);

/// Longest time after which a store has noticed that its server hangs, or is there again.
pub(crate) const HEALING: Duration = Duration::from_secs(4);

pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        url: RedisUrl::parse(url).unwrap(),
        username: None,
        password: None,
        tls: None,
        prefix: "lab".to_owned(),
    }
}

pub(crate) fn store(url: &str) -> RedisStore {
    RedisStore::new(&settings(url), &Handle::current()).unwrap()
}

/// Waits until an operation succeeds, in bounded time, and none of the failing ones blocks.
pub(crate) async fn heals(store: &RedisStore, key: &str, within: Duration) -> Duration {
    let began = Instant::now();
    until("the store heals", async || {
        let keys = [key];
        let asked = tokio::time::timeout(within, store.get(&keys));
        let is_well = asked.await.expect("an answer").is_ok();
        is_well && store.set_new(key, b"value", LIFE).await.is_ok()
    })
    .await;
    let healed = began.elapsed();
    assert!(healed < within, "healed after {healed:?}");
    healed
}

pub(crate) async fn append(store: &RedisStore, text: &str) -> Result<EntryId, Down> {
    let keep = introspectd_fleet::Kept::Time(LIFE);
    let sealed = [text.as_bytes().to_vec()];
    store.append(Stream::Purges, &sealed, keep).await
}

/// Texts of the stream of purges, from its beginning.
pub(crate) async fn texts(store: &RedisStore) -> Result<Vec<String>, Down> {
    let reading = store.read(Stream::Purges, None).await?;
    let sealed = reading.entries.into_iter().flat_map(|entry| entry.sealed);
    Ok(sealed
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .collect())
}

/// Use of a store without a pause, while servers fail.
pub(crate) struct Load {
    store: Arc<RedisStore>,
    task: JoinHandle<()>,
    /// Longest round of operations, in milliseconds.
    longest: Arc<AtomicU64>,
}

impl Load {
    /// Begins, and returns when all goes well.
    pub(crate) async fn start(store: RedisStore) -> Self {
        append(&store, "begin").await.unwrap();
        let store = Arc::new(store);
        let longest = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(ask_on(Arc::clone(&store), Arc::clone(&longest)));
        Self {
            store,
            task,
            longest,
        }
    }

    /// Waits until all goes well again, and returns the store.
    ///
    /// # Panics
    /// It took longer, or an operation took longer than until a connection is given up.
    pub(crate) async fn end(self, within: Duration) -> Arc<RedisStore> {
        let began = Instant::now();
        until("the store heals", async || {
            append(&self.store, "again").await.is_ok() && is_well(&self.store).await
        })
        .await;
        let healed = began.elapsed();
        self.task.abort();
        let _ = self.task.await;
        let longest = Duration::from_millis(self.longest.load(Relaxed));
        assert!(healed < within, "healed after {healed:?}");
        assert!(longest < HEALING, "an operation took {longest:?}");
        self.store
    }
}

async fn ask_on(store: Arc<RedisStore>, longest: Arc<AtomicU64>) {
    loop {
        let began = Instant::now();
        let _ = append(&store, "load").await;
        let _ = is_well(&store).await;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap();
        longest.fetch_max(millis, Relaxed);
        tokio::task::yield_now().await;
    }
}

/// True if keys of many slots can be read.
async fn is_well(store: &RedisStore) -> bool {
    let keys: Vec<String> = (0..20).map(|number| format!("lab:f:{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    store.get(&keys).await.is_ok()
}
