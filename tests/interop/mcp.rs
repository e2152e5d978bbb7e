//! The official SDK of the Model Context Protocol, behind a gateway as the page says: its client
//! finds the authorization server from a 401 of ours (RFC 9728), and is let in.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use introspectd_core::{Clock, SystemClock};
use introspectd_server::ListenAddress;
use introspectd_tests::{Gateway, Process, free_address};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::page::block;
use crate::peer::{Peer, ask_node};

pub(crate) const PAGE: &str = "../mcp.md";
const EDGE_SECRET: &str = "edge-secret-to-change";
/// Secret of the client that introspects at the authorization server.
pub(crate) const SECRET: &str = "s3cr:t/+ %&";

/// Authorization server, MCP server, introspectd, and the gateway before the two.
struct Harness {
    authorization_server: Peer,
    _mcp: Peer,
    _introspectd: Gateway,
    gateway: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

/// Ports as the pages show them, and as they are here.
struct Ports([(u16, SocketAddr); 4]);

impl Ports {
    fn put_into(&self, text: &str) -> String {
        let spelled = |address: u16| {
            [
                format!("127.0.0.1:{address}"),
                format!("127.0.0.1, port_value: {address}"),
            ]
        };
        self.0.iter().fold(text.to_owned(), |text, (shown, real)| {
            let pairs = spelled(*shown).into_iter().zip(spelled(real.port()));
            pairs.fold(text, |text, (shown, real)| text.replace(&shown, &real))
        })
    }
}

impl Harness {
    /// Starts all of it, with a gateway that this makes of the ports, in a folder.
    async fn open(unavailable: bool, start: impl FnOnce(&Ports, &Path) -> Command) -> Self {
        let authorization_server = Peer::node("oidc-provider", "server.mjs", json!({})).await;
        let mcp = Peer::node("mcp", "server.mjs", json!({})).await;
        let gateway = free_address();
        let issuer = format!("http://127.0.0.1:{}", authorization_server.port);
        let toml = block(PAGE, "toml introspectd.toml")
            .replace("https://mcp.example", &format!("http://{gateway}"))
            .replace("https://as.example", &issuer)
            .replace("kind  ", "timeout = \"60s\"\nkind  ");
        let free = ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9090"];
        let toml = free
            .iter()
            .fold(toml, |toml, port| toml.replace(port, "127.0.0.1:0"));
        let toml = if unavailable {
            toml
        } else {
            toml.replace("unavailable = 403", "")
        };
        let secrets = [("EDGE_SECRET", EDGE_SECRET), ("AS_SECRET", SECRET)];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let introspectd = Gateway::start_in(&HashMap::from(secrets), &toml).await;
        introspectd
            .clock()
            .set(SystemClock::default().now().seconds());
        let Some(ListenAddress::Tcp(grpc)) = introspectd.grpc().first() else {
            panic!("no gRPC listener");
        };
        let ports = Ports([
            (8000, gateway),
            (8080, introspectd.api()),
            (8081, *grpc),
            (3000, ([127, 0, 0, 1], mcp.port).into()),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let command = start(&ports, folder.path());
        let process = Process::start(command, folder.path(), gateway).await;
        Self {
            authorization_server,
            _mcp: mcp,
            _introspectd: introspectd,
            gateway,
            _process: process,
            _folder: folder,
        }
    }

    /// Lets the SDK's client connect with these credentials and this scope.
    async fn connect(&self, secret: &str, scope: &str) -> Value {
        connect(self.gateway, &self.authorization_server, secret, scope).await
    }

    async fn lets_in_who_found_the_way(&self) {
        let connected = self.connect("app-secret", "orders.read").await;
        assert_eq!(connected, json!({ "tools": ["whoami"], "whoami": "app" }));
        let refused = self.connect("wrong", "orders.read").await;
        assert!(refused["thrown"].is_string(), "{refused}");
    }
}

/// Lets the SDK's client connect to an MCP server, by a token of this authorization server.
pub(crate) async fn connect(
    server: SocketAddr,
    authorization_server: &Peer,
    secret: &str,
    scope: &str,
) -> Value {
    let wanted = json!({
        "url": format!("http://{server}/mcp"),
        "issuer": format!("http://127.0.0.1:{}", authorization_server.port),
        "client_id": "app",
        "client_secret": secret,
        "scope": scope,
    });
    ask_node("mcp", "client.mjs", &wanted).await
}

/// Puts a text before another, which must stand there once.
fn before(text: &str, place: &str, new: &str) -> String {
    assert_eq!(text.matches(place).count(), 1, "{place}");
    text.replace(place, &format!("{new}{place}"))
}

fn nginx(ports: &Ports, folder: &Path) -> Command {
    let conf = block("../gateways/nginx.md", "nginx nginx.conf");
    let added = block(PAGE, "nginx nginx.conf");
    let conf = before(&conf, "        location / {\n", &added);
    let here = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {here}/{kind};\n"))
        .concat();
    let conf = ports
        .put_into(&conf)
        .replace("user www-data;", "user root;")
        .replace("/run/", &format!("{here}/"))
        .replace("/var/log/nginx/", &format!("{here}/"))
        .replacen("http {\n", &format!("http {{\n{paths}"), 1);
    let file = folder.join("nginx.conf");
    fs::write(&file, conf).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.args(["-g", "daemon off;", "-c"]).arg(file);
    nginx
}

fn envoy(ports: &Ports, folder: &Path) -> Command {
    let yaml = block("../gateways/envoy.md", "yaml envoy.yaml");
    let first = "                        - match: { prefix: / }\n";
    let yaml = before(&yaml, first, &block(PAGE, "yaml envoy.yaml route"));
    let cluster = "    - name: application\n";
    let yaml = before(&yaml, cluster, &block(PAGE, "yaml envoy.yaml cluster"));
    let file = folder.join("envoy.yaml");
    fs::write(&file, ports.put_into(&yaml)).unwrap();
    let mut envoy = Command::new("envoy");
    envoy
        .args(["--disable-hot-restart", "--concurrency", "1", "-c"])
        .arg(file);
    envoy
}

#[tokio::test]
async fn sdk_finds_its_way_through_nginx() {
    let harness = Harness::open(true, nginx).await;
    harness.lets_in_who_found_the_way().await;
}

#[tokio::test]
async fn sdk_finds_its_way_through_envoy() {
    let harness = Harness::open(false, envoy).await;
    harness.lets_in_who_found_the_way().await;
}
