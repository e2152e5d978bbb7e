//! Servers of a fleet, and what is seen of them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{CLIENT_ID, CLIENT_SECRET, Rfc7662};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::redis::Redis;
use crate::ask::{self, EDGE, OPS};
use crate::ports::{FleetPorts, REPLICAS};
use crate::server::{Build, Server, shown};

const TEMPLATE: &str = include_str!("replica.template.toml");

const FLEET_SECRET: &str = "secret-of-the-demo-fleet-32-bytes-or-more";

/// `[cache.shared] trust` of the replicas.
pub(super) const TRUST: Duration = Duration::from_secs(2);

/// Token that the steps leave alone.
pub(super) const ISSUED: &str = "yours";

/// All servers. They end when this is dropped, the replicas first.
pub(super) struct Stage {
    build: Build,
    pub(super) ports: FleetPorts,
    replicas: Vec<Server>,
    pub(super) redis: Redis,
    provider: Simulator<Rfc7662>,
}

impl Stage {
    /// Starts everything, and returns when the replicas exchange facts.
    pub(super) async fn set(build: &Build, ports: FleetPorts) -> Result<Self, String> {
        let build = Build {
            binary: build.binary.clone(),
            folder: build.folder.join("fleet"),
        };
        let folder = &build.folder;
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let address = ports.provider();
        let provider = Simulator::bind(Rfc7662::new(crate::now()), address).await;
        let provider = provider.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        // So that a token is refused for its revocation alone.
        provider.vendor().show_revoked();
        let redis = Redis::start(ports.redis(), folder).await?;
        let mut stage = Self {
            build,
            ports,
            replicas: Vec::new(),
            redis,
            provider,
        };
        stage.issue(ISSUED);
        stage.start_replicas().await?;
        Ok(stage)
    }

    /// Starts the replicas, in place of those that run.
    pub(super) async fn start_replicas(&mut self) -> Result<(), String> {
        self.replicas.clear();
        for (nth, name) in REPLICAS.into_iter().enumerate() {
            let path = self.path(name);
            fs::write(&path, configuration(self.ports, nth))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            let server = Server::start(&self.build, &path, &format!("{name}.log"))?;
            self.replicas.push(server);
        }
        for (server, admin) in self.replicas.iter_mut().zip(self.ports.admin()) {
            server.ready(admin).await?;
        }
        self.exchange_facts().await
    }

    /// Waits, for ten seconds at most, until all replicas exchange facts.
    pub(super) async fn exchange_facts(&self) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(10);
        for (name, admin) in REPLICAS.into_iter().zip(self.ports.admin()) {
            loop {
                let ready = ask::metric(admin, "introspectd_shared_ready").await;
                let heard = ask::metric(admin, "introspectd_shared_heard_age_seconds").await;
                if ready == Some(1.0) && heard.is_some_and(|age| age < TRUST.as_secs_f64()) {
                    break;
                }
                if Instant::now() > end {
                    return Err(format!(
                        "replica {name} does not exchange facts after ten seconds: see {}",
                        self.logs()
                    ));
                }
                sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// Gives the provider an active token.
    pub(super) fn issue(&self, token: &str) {
        let now = crate::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = json!({
            "active": true, "sub": "jdoe", "client_id": "app", "scope": "read",
            "iat": now.as_secs(), "exp": now.as_secs() + 3600,
        });
        self.provider.vendor().put(token, record);
    }

    /// Number of introspections that the provider has seen.
    pub(super) fn questions(&self) -> usize {
        let requests = self.provider.requests();
        let questions = requests.iter().filter(|it| it.path() == "/introspect");
        questions.count()
    }

    /// Waits until a replica has ended by itself, which none should, and says what is known of it.
    pub(super) async fn ended(&mut self) -> String {
        match self.replicas.as_mut_slice() {
            [a, b, c] => tokio::select! {
                why = a.ended() => why,
                why = b.ended() => why,
                why = c.ended() => why,
            },
            _ => "a replica is missing".to_owned(),
        }
    }

    /// Name, kind and URL of everything that runs.
    pub(super) fn table(&self) -> Vec<[String; 3]> {
        let row = |name: &str, kind: &str, url: String| [name.to_owned(), kind.to_owned(), url];
        let replicas = REPLICAS.into_iter().zip(self.ports.api());
        let mut rows: Vec<_> = replicas
            .map(|(name, api)| row(name, "introspectd", format!("http://{api}/introspect")))
            .collect();
        let (provider, redis) = (self.ports.provider(), self.ports.redis());
        rows.push(row("sso", "rfc7662", format!("http://{provider}")));
        rows.push(row("redis", "redis-server", format!("redis://{redis}")));
        rows
    }

    /// Paths of the configurations, as they are shown.
    pub(super) fn configurations(&self) -> String {
        let mut paths: Vec<_> = REPLICAS.map(|name| shown(&self.path(name))).into();
        paths.push(self.redis.configuration());
        paths.join(" ")
    }

    /// Paths of the logs, as they are shown.
    pub(super) fn logs(&self) -> String {
        let mut paths: Vec<_> = self.replicas.iter().map(Server::log).collect();
        paths.push(self.redis.log());
        paths.join(" ")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.build.folder.join(format!("{name}.toml"))
    }
}

/// Configuration of the replica in this place.
fn configuration(ports: FleetPorts, nth: usize) -> String {
    let mut text = TEMPLATE.to_owned();
    let mut fill = |name: &str, value: &str| text = text.replace(&format!("{{{name}}}"), value);
    let port = |addresses: [std::net::SocketAddr; 3]| {
        let address = addresses.into_iter().nth(nth);
        address.map_or_else(String::new, |address| address.port().to_string())
    };
    fill("api", &port(ports.api()));
    fill("admin", &port(ports.admin()));
    fill("redis", &ports.redis().port().to_string());
    fill("provider", &ports.provider().port().to_string());
    fill("fleet_secret", FLEET_SECRET);
    fill("trust", &TRUST.as_secs().to_string());
    fill("edge_secret", EDGE.secret);
    fill("ops_secret", OPS.secret);
    fill("sso_id", CLIENT_ID);
    fill("sso_secret", CLIENT_SECRET);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_differ_in_their_ports_only() {
        let texts = [0, 1, 2].map(|nth| configuration(FleetPorts::new(None), nth));
        for (nth, text) in texts.iter().enumerate() {
            // `{ literal = … }` has its space.
            let unfilled = |rest: &str| rest.starts_with(|first: char| first.is_ascii_lowercase());
            assert!(!text.split('{').skip(1).any(unfilled), "{text}");
            let first = text
                .replace(&format!("127.0.0.1:808{nth}"), "127.0.0.1:8080")
                .replace(&format!("127.0.0.1:909{nth}"), "127.0.0.1:9090");
            assert_eq!(first, texts[0]);
        }
    }
}
