//! Redis of a fleet, and each replica's way to it.

use std::time::Duration;

use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup, State, Wire};
use tokio::sync::Mutex;

/// Deployment of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// One server, to which each replica has a way of its own.
    Standalone,
    /// A master and its replica, watched by three sentinels.
    Sentinel,
    /// Three masters with a replica each.
    Cluster,
}

impl Deployment {
    /// Time by which its failover delays a purge at worst: until then the former master, or one
    /// that lacks its last writes, may be believed.
    pub(crate) const fn failover(self) -> Duration {
        match self {
            Self::Standalone => Duration::ZERO,
            Self::Sentinel | Self::Cluster => Duration::from_secs(3),
        }
    }
}

/// Running Redis.
pub(crate) struct SharedCache {
    servers: Mutex<Servers>,
    /// None where clients find their server by themselves.
    wires: Vec<Wire>,
    urls: Vec<String>,
}

enum Servers {
    Standalone(Server),
    Sentinel(Sentinels),
    Cluster(Cluster),
}

/// Stream of the fleet's purges.
const PURGES: &str = "introspectd:purges";

impl SharedCache {
    /// Starts it for so many replicas.
    pub(crate) async fn start(deployment: Deployment, replicas: usize) -> Self {
        let alone = Setup::new(Program::Installed);
        // A master that lost its replica takes no purge that a failover could lose.
        let setup = alone
            .clone()
            .line("min-replicas-to-write 1")
            .line("min-replicas-max-lag 1");
        let (servers, url) = match deployment {
            Deployment::Standalone => {
                let server = alone.start().await;
                return Self::behind_wires(server, replicas).await;
            }
            Deployment::Sentinel => {
                let sentinels = Sentinels::start_with(setup).await;
                let url = sentinels.url();
                (Servers::Sentinel(sentinels), url)
            }
            Deployment::Cluster => {
                let cluster = Cluster::start_with(setup).await;
                let url = cluster.url();
                (Servers::Cluster(cluster), url)
            }
        };
        Self {
            servers: Mutex::new(servers),
            wires: Vec::new(),
            urls: vec![url; replicas],
        }
    }

    async fn behind_wires(server: Server, replicas: usize) -> Self {
        let mut wires = Vec::new();
        for _ in 0..replicas {
            wires.push(Wire::to(server.port()).await);
        }
        let url = |wire: &Wire| format!("redis://127.0.0.1:{}", wire.port());
        Self {
            urls: wires.iter().map(url).collect(),
            wires,
            servers: Mutex::new(Servers::Standalone(server)),
        }
    }

    /// URL by which each replica reaches it.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Number of ways that can be disturbed.
    pub(crate) fn wires(&self) -> usize {
        self.wires.len()
    }

    /// Changes the way of one replica.
    pub(crate) fn disturb(&self, replica: usize, state: State) {
        if let Some(wire) = self.wires.get(replica) {
            wire.set(state);
        }
    }

    /// Has the server that takes the purges do something, for a time.
    pub(crate) async fn suffer(&self, trouble: Trouble, hold: impl Future<Output = ()>) {
        let mut servers = self.servers.lock().await;
        let Some(server) = servers.master().await else {
            return hold.await;
        };
        match trouble {
            Trouble::Hang => {
                server.hang();
                hold.await;
                server.go_on();
            }
            Trouble::Full => {
                server.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
                hold.await;
                server.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
            }
            Trouble::Evict => {
                evict(server).await;
                hold.await;
                server.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
                let policy = ["CONFIG", "SET", "maxmemory-policy", "noeviction"];
                server.cli(&policy).await;
            }
            Trouble::Flush => {
                server.cli(&["FLUSHALL"]).await;
            }
            Trouble::Restart => server.restart().await,
            Trouble::Kill => {
                server.kill();
                hold.await;
                server.restart().await;
            }
        }
    }
}

/// Trouble of Redis itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Stopped by a signal, with its connections, and let go on.
    Hang,
    /// Takes no writes for want of memory.
    Full,
    /// Throws any keys away for want of memory.
    Evict,
    /// Emptied.
    Flush,
    /// Killed, and started empty at once.
    Restart,
    /// Killed, and started empty later: after a failover, where there is one.
    Kill,
}

impl Trouble {
    pub(crate) const ALL: [Self; 6] = [
        Self::Hang,
        Self::Full,
        Self::Evict,
        Self::Flush,
        Self::Restart,
        Self::Kill,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Hang => "Redis hung",
            Self::Full => "Redis full",
            Self::Evict => "Redis evicting any keys",
            Self::Flush => "Redis flushed",
            Self::Restart => "Redis killed and restarted empty",
            Self::Kill => "Redis killed, and restarted empty later",
        }
    }
}

impl Servers {
    /// The master of the fleet's purges, if there is one.
    async fn master(&mut self) -> Option<&mut Server> {
        match self {
            Self::Standalone(server) => Some(server),
            Self::Sentinel(sentinels) => {
                let port = sentinels.master_port().await;
                let mut servers = sentinels.servers.iter_mut();
                servers.find(|server| server.port() == port)
            }
            Self::Cluster(cluster) => {
                let master = cluster.master_of(PURGES).await;
                cluster.nodes.get_mut(master)
            }
        }
    }
}

/// Leaves room for little more than what is there.
async fn evict(server: &Server) {
    const ROOM: u64 = 16 << 10;
    let used = server.info("used_memory").await;
    let used: u64 = used.and_then(|text| text.parse().ok()).unwrap_or_default();
    let policy = ["CONFIG", "SET", "maxmemory-policy", "allkeys-random"];
    server.cli(&policy).await;
    let most = (used + ROOM).to_string();
    server.cli(&["CONFIG", "SET", "maxmemory", &most]).await;
}
