use crate::server::{Program, Server, Setup, redis_cli};
use crate::until;

/// Three masters with a replica each.
#[derive(Debug)]
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster whose nodes give each other up after half a second.
    pub async fn start() -> Self {
        Self::start_with(Setup::new(Program::Installed)).await
    }

    /// Starts nodes with further settings, and waits until all of them serve.
    pub async fn start_with(setup: Setup) -> Self {
        let setup = setup
            .line("cluster-enabled yes")
            .line("cluster-config-file nodes.conf")
            .line("cluster-node-timeout 500")
            .line("cluster-replica-validity-factor 0");
        let certificates = setup
            .certificates()
            .map(|folder| folder.display().to_string());
        let setup = match &certificates {
            Some(_) => setup.line("tls-cluster yes"),
            None => setup,
        };
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push(setup.clone().start().await);
        }
        let addresses: Vec<_> = nodes.iter().map(Server::address).collect();
        let path = |file| {
            certificates
                .as_ref()
                .map(|folder| format!("{folder}/{file}"))
        };
        let (ca, own, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
        let mut words = Vec::new();
        if let (Some(ca), Some(own), Some(key)) = (&ca, &own, &key) {
            words.extend(["--tls", "--cacert", ca, "--cert", own, "--key", key]);
        }
        words.extend(["--cluster", "create"]);
        words.extend(addresses.iter().map(String::as_str));
        words.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        redis_cli(&words).await;
        let lab = Self { nodes };
        lab.is_whole().await;
        lab
    }

    /// Waits until every running node serves, and has its replica or its master.
    pub async fn is_whole(&self) {
        for node in &self.nodes {
            until("the cluster is whole", async || {
                let state = node.cli(&["CLUSTER", "INFO"]).await;
                let role = node.info("role").await;
                let is_linked = match role.as_deref() {
                    Some("master") => node.info("connected_slaves").await.as_deref() == Some("1"),
                    _ => node.info("master_link_status").await.as_deref() == Some("up"),
                };
                state.contains("cluster_state:ok") && is_linked
            })
            .await;
        }
    }

    /// Addresses as a URL.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(Server::address).collect();
        format!(
            "{}+cluster://{}",
            self.nodes[0].scheme(),
            addresses.join(",")
        )
    }

    /// Returns which node is the master of a key's slot, by the word of a running node.
    pub async fn master_of(&self, key: &str) -> usize {
        for (index, node) in self.nodes.iter().enumerate() {
            let answer = node.cli(&["GET", key]).await;
            let role = node.info("role").await;
            if !answer.contains("MOVED") && role.as_deref() == Some("master") {
                return index;
            }
        }
        panic!("no master of this key");
    }

    /// Returns which node is a replica of this one.
    pub async fn replica_of(&self, master: usize) -> usize {
        let port = self.nodes[master].port().to_string();
        for (index, node) in self.nodes.iter().enumerate() {
            if node.info("master_port").await.as_ref() == Some(&port) {
                return index;
            }
        }
        panic!("no replica of this node");
    }
}
