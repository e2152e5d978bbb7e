//! Reload of the configuration while the server serves.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{ACTIVE, Rfc7662};
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::{TcpStream, UnixDatagram};

use crate::client::{Reply, answer, ask, ask_as_edge, basic, get, question};
use crate::program::{Folder, soon};
use crate::server::{BASE, Server};
use crate::vendors::{sso, sso_config};

const APPLIED: &str = "configuration reloaded";
const REFUSED: &str = "configuration not reloaded";

/// A kept-alive connection.
struct Kept(SendRequest<Full<bytes::Bytes>>);

impl Kept {
    async fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(server.api()).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn ask(&mut self, authorization: &str, token: &str) -> Reply {
        let request = question(Some(authorization), &format!("token={token}"));
        soon("the connection", self.0.ready()).await.unwrap();
        answer(&mut self.0, request).await
    }
}

impl Reply {
    fn cache(&self) -> &str {
        assert_eq!(self.status, 200, "{self:#?}");
        self.headers["x-cache"].to_str().unwrap()
    }
}

fn edge() -> String {
    basic("edge", "edge-secret")
}

impl Server {
    /// Replaces the configuration, and waits until it is in force.
    pub(crate) async fn reload(&self, toml: &str) {
        self.reloaded(toml, APPLIED).await;
    }

    pub(crate) async fn refuse(&self, toml: &str) {
        self.reloaded(toml, REFUSED).await;
    }

    async fn reloaded(&self, toml: &str, outcome: &str) {
        self.folder.write("introspectd.toml", toml);
        self.reload_again(outcome).await;
    }

    async fn reload_again(&self, outcome: &str) {
        let before = self.events(outcome).len();
        self.signal(Signal::HUP);
        self.lines(outcome, before + 1).await;
    }

    /// Lines of the log with this message.
    fn events(&self, message: &str) -> Vec<Value> {
        let lines = self.log().into_iter().filter(|line| line.contains(message));
        lines
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect()
    }
}

async fn with_sso() -> (Server, Simulator<Rfc7662>, String) {
    let sso = sso().await;
    let toml = format!("{BASE}{}", sso_config(&sso));
    (Server::start(&toml).await, sso, toml)
}

#[tokio::test]
async fn callers_change_on_kept_connections_and_a_removed_one_is_401() {
    let (server, _sso, toml) = with_sso().await;
    let mut kept = Kept::open(&server).await;
    assert!(kept.ask(&edge(), ACTIVE).await.is_active());

    server
        .reload(&toml.replace("[\"introspect\", \"lookup\"]", "[\"list\"]"))
        .await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.status, 403);
    server
        .reload(&toml.replace("edge-secret", "other-secret"))
        .await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.status, 401);
    assert!(
        kept.ask(&basic("edge", "other-secret"), ACTIVE)
            .await
            .is_active()
    );
    server
        .reload(&toml.replace("callers.edge", "callers.other"))
        .await;
    assert_eq!(
        kept.ask(&basic("edge", "other-secret"), ACTIVE)
            .await
            .status,
        401
    );
    assert_eq!(kept.ask(&edge(), ACTIVE).await.status, 401);
    assert!(
        kept.ask(&basic("other", "edge-secret"), ACTIVE)
            .await
            .is_active()
    );
    server.reload(&toml).await;
    assert!(kept.ask(&edge(), ACTIVE).await.is_active());
}

#[tokio::test]
async fn facts_of_an_unchanged_provider_stay_and_those_of_a_changed_one_go() {
    let (server, _sso, toml) = with_sso().await;
    let mut kept = Kept::open(&server).await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "miss");
    server
        .reload(&format!("{toml}[policies.orders]\nscope = [\"a\"]\n"))
        .await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "hit");
    server
        .reload(&toml.replace("timeout = \"20s\"", "timeout = \"19s\""))
        .await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "miss");
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "hit");

    let without = toml.split("[providers.sso]").next().unwrap();
    server.reload(without).await;
    assert!(!kept.ask(&edge(), ACTIVE).await.is_active());
    server.reload(&toml).await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "miss");
    let changed: Vec<_> = server
        .events(APPLIED)
        .into_iter()
        .map(|event| event["changed"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        changed,
        [
            "policies.orders",
            "policies.orders, providers.sso",
            "providers.sso",
            "providers.sso"
        ]
    );
}

#[tokio::test]
async fn one_problem_leaves_everything_as_it_was_and_all_are_logged() {
    let (server, _sso, toml) = with_sso().await;
    let mut kept = Kept::open(&server).await;
    assert!(kept.ask(&edge(), ACTIVE).await.is_active());
    let bad = toml
        .replace("edge-secret", "other-secret")
        .replace("timeout = \"20s\"", "timeout = \"soon\"");
    server.refuse(&format!("{bad}[cache]\nttl = 5\n")).await;
    server.lines(REFUSED, 2).await;
    let problems = server.events(REFUSED);
    for (key, problem) in [
        ("providers.sso.timeout", &problems[1]),
        ("cache.ttl", &problems[0]),
    ] {
        assert_eq!(problem["level"], "ERROR");
        assert_eq!(problem["key"], key, "{problem}");
        assert!(
            problem["origin"]
                .as_str()
                .unwrap()
                .starts_with("introspectd.toml:")
        );
        assert!(problem["remedy"].is_string());
    }
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "hit");
    server.reloaded("not [ toml", REFUSED).await;
    std::fs::remove_file(server.folder.path("introspectd.toml")).unwrap();
    server.reload_again(REFUSED).await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "hit");
    server.reload(&toml).await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.cache(), "hit");
    assert_eq!(get(&server.admin(), "/readyz").await.status, 200);
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_as_a_whole_with_its_keys() {
    let (server, _sso, toml) = with_sso().await;
    let other = toml.replace("edge-secret", "other-secret");
    let with_listener = other.replace(
        "admin = \"127.0.0.1:0\"",
        "admin = \"127.0.0.1:0\"\nworkers = 1",
    );
    server
        .refuse(&format!(
            "{with_listener}[limits]\nrequests = 7\n[cache]\nmax_bytes = \"1MiB\"\n"
        ))
        .await;
    let event = &server.events(REFUSED)[0];
    let keys = event["keys"].as_str().unwrap();
    assert!(
        keys.contains("cache.max_bytes") && keys.contains("limits.requests"),
        "{keys}"
    );
    assert_eq!(event["level"], "ERROR");
    assert!(
        ask_as_edge(&server.api(), ACTIVE).await.is_active(),
        "nothing of it holds"
    );
    assert_eq!(
        ask(&server.api(), &basic("edge", "other-secret"), "token=x")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn rate_of_an_unchanged_caller_goes_on_counting() {
    let (server, _sso, toml) = with_sso().await;
    let limited = toml.replace(
        "[callers.edge]",
        "[callers.edge]\nrate = \"1/h\"\nburst = 3",
    );
    server.reload(&limited).await;
    let mut kept = Kept::open(&server).await;
    for _ in 0..3 {
        assert!(kept.ask(&edge(), ACTIVE).await.is_active());
        server.reload(&limited).await;
    }
    assert_eq!(kept.ask(&edge(), ACTIVE).await.status, 429);
    let more = limited.replace("burst = 3", "burst = 4");
    server.reload(&more).await;
    assert!(
        kept.ask(&edge(), ACTIVE).await.is_active(),
        "another rate begins anew"
    );
}

#[tokio::test]
async fn value_of_a_secret_file_is_part_of_its_section() {
    let sso = sso().await;
    let folder = Folder::new();
    let secret = folder.write("sso", "sso-introspection-secret");
    let file = format!("client_secret = {{ file = {secret:?} }}");
    let literal = sso_config(&sso);
    let literal = literal
        .lines()
        .find(|line| line.contains("client_secret ="))
        .unwrap()
        .trim()
        .to_owned();
    let value = literal.split('"').nth(1).unwrap().to_owned();
    folder.write("sso", &value);
    folder.write(
        "introspectd.toml",
        format!("{BASE}{}", sso_config(&sso)).replace(&literal, &file),
    );
    let server = Server::start_in(folder, &[]).await;
    assert_eq!(ask_as_edge(&server.api(), ACTIVE).await.cache(), "miss");
    server.reload_again(APPLIED).await;
    assert_eq!(ask_as_edge(&server.api(), ACTIVE).await.cache(), "hit");
    // A line break at its end is not part of it.
    server.folder.write("sso", format!("{value}\n"));
    server.reload_again(APPLIED).await;
    assert_eq!(ask_as_edge(&server.api(), ACTIVE).await.cache(), "hit");
    server.folder.write("sso", "rotated");
    server.reload_again(APPLIED).await;
    let refused = ask_as_edge(&server.api(), ACTIVE).await;
    assert_eq!(refused.status, 502, "{refused:#?}");
}

/// Renewal of a ConfigMap as Kubernetes does it: the file that is named is a link, and so is the
/// directory behind it, which is swapped.
#[tokio::test]
async fn watched_configuration_behind_a_swapped_link_is_reloaded() {
    let sso = sso().await;
    let folder = Folder::new();
    let toml = format!("{BASE}{}[reload]\nwatch = \"1s\"\n", sso_config(&sso));
    for (version, toml) in [
        ("..1", toml.clone()),
        ("..2", toml.replace("edge-secret", "new-secret")),
    ] {
        std::fs::create_dir(folder.path(version)).unwrap();
        folder.write(&format!("{version}/introspectd.toml"), toml);
    }
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/introspectd.toml", folder.path("introspectd.toml")).unwrap();
    let server = Server::start_in(folder, &[]).await;
    let mut kept = Kept::open(&server).await;
    assert!(kept.ask(&edge(), ACTIVE).await.is_active());
    symlink("..2", server.folder.path("..data_tmp")).unwrap();
    std::fs::rename(
        server.folder.path("..data_tmp"),
        server.folder.path("..data"),
    )
    .unwrap();
    server.logged(APPLIED).await;
    assert_eq!(kept.ask(&edge(), ACTIVE).await.status, 401);
    assert!(
        kept.ask(&basic("edge", "new-secret"), ACTIVE)
            .await
            .is_active()
    );
}

#[tokio::test]
async fn level_of_the_log_changes() {
    let (server, _sso, toml) = with_sso().await;
    let at = |level: &str| format!("{toml}[log]\nlevel = \"{level}\"\n");
    server.reload(&at("debug")).await;
    assert!(ask_as_edge(&server.api(), ACTIVE).await.is_active());
    server.logged("provider answered").await;
}

#[tokio::test]
async fn format_of_the_log_changes() {
    let (server, _sso, toml) = with_sso().await;
    let in_format = |format: &str| format!("{toml}[log]\nformat = \"{format}\"\n");
    let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok();
    for (reloads, format, expected) in [(1, "text", false), (2, "json", true), (3, "auto", true)] {
        server.folder.write("introspectd.toml", in_format(format));
        server.signal(Signal::HUP);
        server.lines(APPLIED, reloads).await;
        let log = server.log();
        let line = log.iter().rfind(|line| line.contains(APPLIED)).unwrap();
        assert_eq!(is_json(line), expected, "{format}");
    }
}

/// Protocol of `Type=notify-reload` (systemd.service(5), sd_notify(3)).
#[tokio::test]
async fn service_manager_is_told_when_a_reload_begins_and_ends() {
    let folder = Folder::with_config(BASE);
    let path = folder.path("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let server = Server::start_in(folder, &environment).await;
    let next = async || {
        let mut message = [0; 256];
        let length = soon("a message", manager.recv(&mut message)).await.unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    assert_eq!(next().await.trim_end(), "READY=1");
    for toml in [BASE, "not toml [", BASE] {
        server.folder.write("introspectd.toml", toml);
        server.signal(Signal::HUP);
        let reloading = next().await;
        let lines: Vec<_> = reloading.trim_end().lines().collect();
        assert_eq!(lines[0], "RELOADING=1");
        let since_boot: u64 = lines[1]
            .strip_prefix("MONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(since_boot > 0);
        assert_eq!(next().await.trim_end(), "READY=1");
    }
}

/// Each answer is active: none is lost, refused or judged by half a configuration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_the_configuration_changes_under_load() {
    const RELOADS: usize = 25;
    let (server, _sso, toml) = with_sso().await;
    let server = Arc::new(server);
    let (is_over, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut asking = Vec::new();
    for number in 0..6 {
        let (server, is_over, asked) = (
            Arc::clone(&server),
            Arc::clone(&is_over),
            Arc::clone(&asked),
        );
        asking.push(tokio::spawn(async move {
            let mut kept = Kept::open(&server).await;
            while !is_over.load(Relaxed) {
                assert!(kept.ask(&edge(), ACTIVE).await.is_active());
                asked.fetch_add(1, Relaxed);
                if number % 2 == 0 {
                    kept = Kept::open(&server).await;
                }
            }
        }));
    }
    for number in 0..RELOADS {
        let before = asked.load(Relaxed);
        let timeout = format!("timeout = \"{}s\"", 5 + number);
        server
            .reload(&toml.replace("timeout = \"20s\"", &timeout))
            .await;
        while asked.load(Relaxed) < before + 20 {
            tokio::task::yield_now().await;
        }
    }
    is_over.store(true, Relaxed);
    for task in asking {
        task.await.unwrap();
    }
    assert_eq!(server.events(APPLIED).len(), RELOADS);
}
