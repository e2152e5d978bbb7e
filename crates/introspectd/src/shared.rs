use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use introspectd_core::Clock;
use introspectd_fleet::{Down, Fleet, Replica, Store};
use introspectd_redis::RedisStore;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::config::SharedConfig;
use crate::metrics::CurrentFleet;

/// Shared tier of the process, with the thread that its connections and background work live on.
/// Dropping it ends them.
pub(crate) struct Shared {
    fleet: Arc<Fleet>,
    store: Arc<RedisStore>,
    trust: Duration,
    runtime: Option<Runtime>,
}

/// Shared tier in force, which a reload may replace.
pub(crate) type InForce = Arc<ArcSwapOption<Shared>>;

/// Time for a replaced shared tier to publish what is under way.
const AFTERLIFE: Duration = Duration::from_secs(10);

/// Pause between two attempts to look at the settings of Redis.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl Shared {
    /// Prepares the shared tier. Redis need not be there.
    ///
    /// # Errors
    /// TLS files that cannot be used; a system without threads or random bytes.
    pub(crate) fn prepare(config: &SharedConfig, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            // Names of servers are resolved by the system, which blocks.
            .max_blocking_threads(4)
            .thread_name("fleet")
            .enable_all()
            .build()?;
        let handle = runtime.handle();
        let store = RedisStore::new(&config.redis, handle).map_err(io::Error::other)?;
        let store = Arc::new(store);
        let fleet = Fleet::new(
            Arc::clone(&store) as _,
            &config.secret,
            config.previous.as_ref(),
            config.fleet.clone(),
            clock,
            handle.clone(),
        )?;
        Ok(Self {
            fleet: Arc::new(fleet),
            store,
            trust: config.fleet.trust,
            runtime: Some(runtime),
        })
    }

    pub(crate) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Begins to follow the purges of the other replicas.
    pub(crate) fn start(&self, replica: Arc<dyn Replica>) {
        let Some(runtime) = &self.runtime else {
            return;
        };
        drop(runtime.spawn(Arc::clone(&self.fleet).follow(replica)));
        drop(runtime.spawn(warn_of_weaknesses(Arc::clone(&self.store), self.trust)));
    }
}

/// Puts another shared tier in force. The former one goes on for ten seconds, so that purges that
/// are under way reach the other replicas.
pub(crate) fn replace(in_force: &InForce, next: Shared) {
    if let Some(former) = in_force.swap(Some(Arc::new(next))) {
        let end = move || {
            std::thread::sleep(AFTERLIFE);
            drop(former);
        };
        let thread = std::thread::Builder::new().name("former-fleet".to_owned());
        // Without a thread it ends at once.
        drop(thread.spawn(end));
    }
}

/// Returns what finds the fleet of the shared tier in force.
pub(crate) fn current_fleet(in_force: &InForce) -> CurrentFleet {
    let in_force = Arc::clone(in_force);
    Box::new(move || {
        let shared = in_force.load();
        shared.as_ref().map(|shared| Arc::clone(&shared.fleet))
    })
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A plain drop waits, which an asynchronous context may not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Logs settings of Redis that weaken what is promised, once they can be looked at.
async fn warn_of_weaknesses(store: Arc<RedisStore>, trust: Duration) {
    loop {
        match store.weaknesses(trust).await {
            Ok(weaknesses) => {
                for weakness in weaknesses {
                    tracing::warn!(%weakness, "settings of Redis weaken the shared cache");
                }
                return;
            }
            Err(Down(_)) => sleep(LOOK_AGAIN).await,
        }
    }
}
