use crate::server::{Program, Server, Setup};
use crate::until;

/// Master with replicas, and three sentinels that watch it.
#[derive(Debug)]
pub struct Sentinels {
    /// The master of the beginning, then its replicas.
    pub servers: Vec<Server>,
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    /// Name of the master.
    pub const NAME: &'static str = "lab";

    /// Starts a master with one replica, and waits until every sentinel knows all others.
    pub async fn start() -> Self {
        Self::start_with(Setup::new(Program::Installed)).await
    }

    /// Starts servers with further settings.
    pub async fn start_with(setup: Setup) -> Self {
        let sentinel = setup.sentinel();
        let master = setup.clone().start().await;
        let port = master.public_port();
        let of_master = format!("replicaof 127.0.0.1 {port}");
        let replica = setup.line(&of_master).start().await;
        until("the replica is connected", async || {
            replica.info("master_link_status").await.as_deref() == Some("up")
        })
        .await;

        let name = Self::NAME;
        let setup = sentinel
            .line(&format!("sentinel monitor {name} 127.0.0.1 {port} 2"))
            .line(&format!("sentinel down-after-milliseconds {name} 200"))
            .line(&format!("sentinel failover-timeout {name} 2000"));
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let sentinel = setup.clone().start().await;
            // With their usual periods, a failover takes ten seconds. Shorter ones than these make
            // them doubt each other on a busy machine: they trust what a server said within two
            // periods of INFO, or five of PING, and what another sentinel did within four of
            // PUBLISH.
            let debug = "SENTINEL DEBUG INFO-PERIOD 500 PUBLISH-PERIOD 500 ASK-PERIOD 100 \
                         PING-PERIOD 400";
            sentinel.cli(&debug.split(' ').collect::<Vec<_>>()).await;
            sentinels.push(sentinel);
        }
        let lab = Self {
            servers: vec![master, replica],
            sentinels,
        };
        for sentinel in &lab.sentinels {
            until(
                "the sentinels know each other and the replica",
                async || {
                    let master = sentinel.cli(&["SENTINEL", "MASTER", name]).await;
                    let replicas = sentinel.cli(&["SENTINEL", "REPLICAS", name]).await;
                    has(&master, "num-other-sentinels", "2")
                        && has(&replicas, "master-link-status", "ok")
                },
            )
            .await;
        }
        lab
    }

    /// Addresses as a URL.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.sentinels.iter().map(Server::address).collect();
        let scheme = self.sentinels[0].scheme();
        format!("{scheme}+sentinel://{}/{}", addresses.join(","), Self::NAME)
    }

    /// Returns the port of the master, by the word of one sentinel.
    pub async fn master_port(&self) -> u16 {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::NAME];
        let answer = self.sentinels[0].cli(&words).await;
        answer.lines().nth(1).unwrap().parse().unwrap()
    }
}

/// True if a list of names and values has this pair.
fn has(list: &str, name: &str, value: &str) -> bool {
    let lines: Vec<_> = list.lines().collect();
    lines.windows(2).any(|pair| pair == [name, value])
}
