//! Three replicas, each with a way of its own to one Redis, before one provider.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use introspectd_redis_lab::{Server, Wire, free_port, until};
use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{CLIENT_ID, CLIENT_SECRET, Rfc7662};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, watch};

/// Bound on a purge's way to replicas that do not hear.
pub(crate) const BOUND: Duration = Duration::from_secs(2);

/// Secret of the fleet, unless a test gives another.
pub(crate) const SECRET: &str = "the-secret-of-the-fleet-0123456789";

/// Fleet of three, its provider and its Redis.
pub(crate) struct Fleet<R = Server> {
    pub(crate) redis: R,
    pub(crate) provider: Simulator<Rfc7662>,
    pub(crate) replicas: Vec<Replica>,
}

/// Running replica; killed when dropped.
pub(crate) struct Replica {
    pub(crate) wire: Wire,
    api: String,
    admin: String,
    child: Child,
    log: Arc<watch::Sender<Vec<String>>>,
    connections: Mutex<Vec<Sender>>,
    folder: TempDir,
}

/// Answer of a replica.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) cache: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: serde_json::Value,
}

impl Reply {
    pub(crate) fn is_active(&self) -> bool {
        self.status == 200 && self.body["active"] == true
    }
}

/// Form in which keys of a test's `[cache.shared]` are added to those of the harness.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) secret: &'a str,
    pub(crate) shared: &'a str,
    pub(crate) provider: &'a str,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        Self {
            secret: SECRET,
            shared: "",
            provider: "",
        }
    }
}

impl Fleet {
    /// Starts three replicas that hear each other.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setting::default()).await
    }

    pub(crate) async fn start_with(setting: Setting<'_>) -> Self {
        let redis = Server::start().await;
        let provider = Simulator::start(Rfc7662::new(now())).await.unwrap();
        let mut fleet = Self {
            redis,
            provider,
            replicas: Vec::new(),
        };
        for _ in 0..3 {
            let replica = fleet.replica(setting).await;
            fleet.replicas.push(replica);
        }
        fleet.hears().await;
        fleet
    }

    /// Starts a further replica.
    pub(crate) async fn replica(&self, setting: Setting<'_>) -> Replica {
        let wire = Wire::to(self.redis.port()).await;
        let shared = format!("redis://127.0.0.1:{}", wire.port());
        Replica::start(wire, &config(&self.provider.base_url(), &shared, setting)).await
    }
}

impl<R> Fleet<R> {
    /// Starts three replicas that find their server by themselves: their own ways lead nowhere.
    pub(crate) async fn over(redis: R, url: &str) -> Self {
        let provider = Simulator::start(Rfc7662::new(now())).await.unwrap();
        let toml = config(&provider.base_url(), url, Setting::default());
        let mut replicas = Vec::new();
        for _ in 0..3 {
            let unused = Wire::to(free_port()).await;
            replicas.push(Replica::start(unused, &toml).await);
        }
        let fleet = Self {
            redis,
            provider,
            replicas,
        };
        fleet.hears().await;
        fleet
    }

    /// Waits until every replica exchanges facts.
    pub(crate) async fn hears(&self) {
        for replica in &self.replicas {
            replica.hears().await;
        }
    }

    /// Gives the provider an active token.
    pub(crate) fn issue(&self, token: &str) {
        let now = now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let record = json!({
            "active": true, "sub": "alice", "client_id": "app", "jti": format!("jti-{token}"),
            "scope": "read", "exp": now + 3600, "iat": now,
        });
        self.provider.vendor().put(token, record);
    }

    /// Number of introspections that the provider has seen.
    pub(crate) fn asked(&self) -> usize {
        let requests = self.provider.requests();
        requests
            .iter()
            .filter(|request| request.path() == "/introspect")
            .count()
    }
}

/// Time of the machine, which the replicas go by.
#[allow(
    clippy::disallowed_methods,
    reason = "the replicas are processes of their own"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

pub(crate) fn config(provider: &str, redis: &str, setting: Setting<'_>) -> String {
    let Setting {
        secret,
        shared,
        provider: own,
    } = setting;
    format!(
        r#"
[listen]
api = "127.0.0.1:0"
admin = "127.0.0.1:0"
workers = 1

[log]
format = "json"

[cache]
ttl = "60s"
inactive_ttl = "5s"

[cache.shared]
url = "{redis}"
secret = {{ literal = "{secret}" }}
trust = "1s"
{shared}

[callers.edge]
secret = {{ literal = "edge-secret" }}
permissions = ["introspect", "lookup", "purge", "revoke"]

[providers.sso]
kind = "rfc7662"
match = {{ regex = "." }}
introspection_endpoint = "{provider}/introspect"
revocation_endpoint = "{provider}/revoke"
credentials = {{ type = "client_secret_basic", client_id = "{CLIENT_ID}", client_secret = {{ literal = "{CLIENT_SECRET}" }} }}
{own}
"#
    )
}

impl Replica {
    pub(crate) async fn start(wire: Wire, toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("introspectd.toml"), toml).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_introspectd"))
            .args(["serve", "--config", "introspectd.toml"])
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(watch::Sender::new(Vec::<String>::new()));
        let sender = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| log.push(line));
            }
        });
        let mut replica = Self {
            wire,
            api: String::new(),
            admin: String::new(),
            child,
            log,
            connections: Mutex::default(),
            folder,
        };
        until("the replica listens", async || {
            replica.address("admin").is_some()
        })
        .await;
        replica.api = replica.address("api").unwrap();
        replica.admin = replica.address("admin").unwrap();
        replica
    }

    fn address(&self, listener: &str) -> Option<String> {
        let log = self.log.borrow();
        let mut events = log
            .iter()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let event = events
            .find(|event| event["message"] == "listening" && event["listener"] == listener)?;
        Some(event["address"].as_str()?.to_owned())
    }

    /// Lines that hold this text.
    pub(crate) fn lines(&self, text: &str) -> usize {
        self.log
            .borrow()
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }

    pub(crate) async fn hears(&self) {
        until("the replica exchanges facts", async || {
            self.metric("introspectd_shared_ready").await == Some(1.0)
        })
        .await;
    }

    /// Value of a metric without labels, or with exactly these.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let request = Request::get("/metrics")
            .header("host", "x")
            .body(Full::default())
            .unwrap();
        let (_, _, body) = try_send(&mut connect(&self.admin).await, request)
            .await
            .unwrap();
        let prefix = format!("{name} ");
        let text = String::from_utf8(body).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(&prefix)?.parse().ok())
    }

    pub(crate) async fn introspect(&self, token: &str) -> Reply {
        self.post(
            "/introspect",
            "application/x-www-form-urlencoded",
            format!("token={token}"),
        )
        .await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Reply {
        self.post(
            "/revoke",
            "application/x-www-form-urlencoded",
            format!("token={token}"),
        )
        .await
    }

    pub(crate) async fn purge(&self, selector: serde_json::Value) -> Reply {
        self.post("/v1/cache/purge", "application/json", selector.to_string())
            .await
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, body: String) -> Reply {
        let request = || {
            Request::post(path)
                .header("host", "introspectd")
                // edge:edge-secret
                .header("authorization", "Basic ZWRnZTplZGdlLXNlY3JldA==")
                .header("content-type", kind)
                .body(Full::from(body.clone()))
                .unwrap()
        };
        let free = self.connections.lock().await.pop();
        let (sender, (status, headers, body)) = match free {
            Some(mut sender) => match try_send(&mut sender, request()).await {
                Ok(reply) => (sender, reply),
                // It was idle for too long.
                Err(_) => self.on_new_connection(request()).await,
            },
            None => self.on_new_connection(request()).await,
        };
        self.connections.lock().await.push(sender);
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Reply {
            status,
            cache: text_of(&headers, "x-cache"),
            retry_after: text_of(&headers, "retry-after"),
            body,
        }
    }

    async fn on_new_connection(&self, request: Request<Full<Bytes>>) -> (Sender, Parts) {
        let mut sender = connect(&self.api).await;
        let reply = try_send(&mut sender, request).await.unwrap();
        (sender, reply)
    }

    /// Writes another configuration, and has it reloaded.
    pub(crate) async fn reload(&self, toml: &str) {
        std::fs::write(self.folder.path().join("introspectd.toml"), toml).unwrap();
        let reloads = self.lines("configuration reloaded");
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
        until("the configuration is reloaded", async || {
            self.lines("configuration reloaded") > reloads
        })
        .await;
    }

    pub(crate) fn kill(&mut self) {
        self.child.start_kill().unwrap();
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// Status, headers and body of a reply.
type Parts = (u16, HeaderMap, Vec<u8>);

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

async fn connect(address: &str) -> Sender {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn try_send(sender: &mut Sender, request: Request<Full<Bytes>>) -> hyper::Result<Parts> {
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status.as_u16(), head.headers, body.into()))
}
