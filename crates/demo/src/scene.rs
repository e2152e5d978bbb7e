//! Servers of a demo, and their addresses.

use std::fs;
use std::net::SocketAddr;
use std::time::SystemTime;

use introspectd_simulators::apigee::{self, Apigee};
use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::rfc7662::{self, Rfc7662};
use introspectd_simulators::tibco_asg::{self, TibcoAsg};
use introspectd_simulators::{Simulator, Vendor};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::ask::{EDGE, OPS};
use crate::ports::{PROVIDERS, Ports};
use crate::server::{Build, Server, shown};

const TEMPLATE: &str = include_str!("introspectd.template.toml");

/// introspectd and the servers behind it. All end when this is dropped, introspectd first.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) ports: Ports,
    /// Issue time of the sample tokens.
    pub(crate) now: SystemTime,
    /// The configuration's path, as it is shown.
    pub(crate) configuration: String,
    _simulators: Simulators,
}

/// User whose tokens are listed: one at each vendor that can list.
pub(crate) const USER: &str = "jdoe";

struct Simulators {
    _bank: Simulator<Passport>,
    _legacy: Simulator<TibcoAsg>,
    _apis: Simulator<Apigee>,
    _sso: Simulator<Rfc7662>,
    /// Socket that is bound, so that no other program takes the port, but does not listen, so that
    /// it refuses connections.
    _down: TcpSocket,
}

impl Scene {
    /// Starts everything, and returns when introspectd takes requests.
    pub(crate) async fn set(build: &Build, ports: Ports) -> Result<Self, String> {
        let now = crate::now();
        let simulators = Simulators::start(ports, now).await?;
        let path = build.folder.join("introspectd.toml");
        let written =
            fs::create_dir_all(&build.folder).and_then(|()| fs::write(&path, configuration(ports)));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let mut server = Server::start(build, &path, "introspectd.log")?;
        server.ready(ports.admin()).await?;
        Ok(Self {
            server,
            ports,
            now,
            configuration: shown(&path),
            _simulators: simulators,
        })
    }

    /// Name, kind and URL of everything that runs.
    pub(crate) fn table(&self) -> Vec<[String; 3]> {
        let row = |name: &str, kind: &str, url: String| [name.to_owned(), kind.to_owned(), url];
        let mut rows = vec![
            row(
                "api",
                "introspectd",
                format!("http://{}/introspect", self.ports.api()),
            ),
            row(
                "admin",
                "introspectd",
                format!("http://{}/readyz", self.ports.admin()),
            ),
        ];
        let kinds = ["passport", "tibco-asg", "apigee", "rfc7662", "rfc7662"];
        for ((name, kind), address) in PROVIDERS.into_iter().zip(kinds).zip(self.ports.providers())
        {
            let note = if name == "down" {
                " (refuses connections)"
            } else {
                ""
            };
            rows.push(row(name, kind, format!("http://{address}{note}")));
        }
        rows
    }
}

impl Simulators {
    async fn start(ports: Ports, now: SystemTime) -> Result<Self, String> {
        let [bank, legacy, apis, sso, down] = ports.providers();
        Ok(Self {
            _bank: serving(users_passport(now), bank).await?,
            _legacy: serving(users_tibco(now), legacy).await?,
            _apis: serving(users_apigee(now), apis).await?,
            _sso: serving(Rfc7662::new(now), sso).await?,
            _down: refusing(down).map_err(|error| format!("cannot bind {down}: {error}"))?,
        })
    }
}

fn users_passport(now: SystemTime) -> Passport {
    let vendor = Passport::new(now);
    let record = vendor.record(passport::READER).unwrap_or_default();
    vendor.put(passport::READER, with(record, json!({"user_id": USER})));
    vendor
}

fn users_tibco(now: SystemTime) -> TibcoAsg {
    let vendor = TibcoAsg::new(now);
    let record = vendor.record(tibco_asg::SCOPE_STRING).unwrap_or_default();
    vendor.put(
        tibco_asg::SCOPE_STRING,
        with(record, json!({"owner": USER})),
    );
    vendor
}

fn users_apigee(now: SystemTime) -> Apigee {
    let vendor = Apigee::new(now);
    let record = vendor.record(apigee::ATTRIBUTES).unwrap_or_default();
    vendor.put(apigee::ATTRIBUTES, with(record, json!({"endUser": USER})));
    vendor
}

/// The object with these members as well, or in place of its own.
pub(crate) fn with(mut object: Value, members: Value) -> Value {
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), members) {
        object.extend(members);
    }
    object
}

async fn serving<V: Vendor>(vendor: V, address: SocketAddr) -> Result<Simulator<V>, String> {
    let bound = Simulator::bind(vendor, address).await;
    bound.map_err(|error| format!("cannot listen on {address}: {error}"))
}

fn refusing(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The configuration that a user would write for these servers.
fn configuration(ports: Ports) -> String {
    let mut text = TEMPLATE.to_owned();
    let listeners = [("api", ports.api()), ("admin", ports.admin())];
    for (name, address) in listeners
        .into_iter()
        .chain(PROVIDERS.into_iter().zip(ports.providers()))
    {
        text = text.replace(&format!("{{{name}}}"), &address.port().to_string());
    }
    for (name, value) in [
        ("edge_secret", EDGE.secret),
        ("ops_secret", OPS.secret),
        ("passport_id", passport::CLIENT_ID),
        ("passport_secret", passport::CLIENT_SECRET),
        ("tibco_id", tibco_asg::CLIENT_ID),
        ("tibco_secret", tibco_asg::CLIENT_SECRET),
        ("apigee_organization", apigee::ORGANIZATION),
        ("apigee_id", apigee::USERNAME),
        ("apigee_secret", apigee::PASSWORD),
        ("sso_id", rfc7662::CLIENT_ID),
        ("sso_secret", rfc7662::CLIENT_SECRET),
        ("sso_issuer", rfc7662::ISSUER),
    ] {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_template_is_fully_filled() {
        let text = configuration(Ports::new(None));
        // `{64}` and `{28}` are the regexes', `{ literal = … }` has its space.
        let left: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase()))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(text.contains(r#"api   = ["127.0.0.1:8080"]"#), "{text}");
    }
}
