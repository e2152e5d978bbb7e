use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use introspectd_simulators::rfc7662::ACTIVE;
use introspectd_simulators::{Simulator, rfc7662};
use introspectd_tests::{EDGE_SECRET, Fixture, Gateway, Rfc7662, basic, form_body, now};
use tokio::process::Command;

/// A gateway before a simulated server.
pub(crate) struct Harness {
    pub(crate) gateway: Gateway,
    _server: Simulator<rfc7662::Rfc7662>,
}

impl Harness {
    pub(crate) async fn open() -> Self {
        Self::open_with("", "").await
    }

    /// Opens it with another listener of the API, and with further keys of `[listen]`.
    pub(crate) async fn open_with(listener: &str, keys: &str) -> Self {
        let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let section = Rfc7662::section(&server.base_url());
        let gateway = Gateway::start_bare(&format!(
            "[listen]\napi = [\"127.0.0.1:0\"{listener}]\nadmin = [\"127.0.0.1:0\"]\n\
            {keys}\n[callers.edge]\nsecret = {{ literal = \"{EDGE_SECRET}\" }}\n\
            [providers.sso]\n{section}\nmatch = {{ prefix = \"sso_\" }}\n"
        ))
        .await;
        Self {
            gateway,
            _server: server,
        }
    }

    /// A question about an active token, as a form.
    pub(crate) fn question() -> String {
        form_body(&[("token", ACTIVE)])
    }

    /// The credentials of a caller.
    pub(crate) fn authorization() -> String {
        basic("edge", EDGE_SECRET)
    }

    /// Asks as a caller with good manners while `others` has not ended, ten times a second. Returns
    /// the greatest delay.
    pub(crate) async fn ask_meanwhile(&self, others: impl Future<Output = ()>) -> Duration {
        let mut others = std::pin::pin!(others);
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let mut greatest = Duration::ZERO;
        loop {
            tokio::select! {
                () = &mut others => return greatest,
                _ = ticks.tick() => {}
            }
            let started = Instant::now();
            let reply = self.gateway.post_introspect(&[("token", ACTIVE)]).await;
            assert_eq!(reply.status, 200);
            greatest = greatest.max(started.elapsed());
        }
    }
}

/// Runs a program to its end and returns what it printed.
pub(crate) async fn run(command: &mut Command) -> (bool, String) {
    let program = command.as_std().get_program().to_owned();
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = output.unwrap_or_else(|error| {
        panic!("{program:?}: {error}: run `cargo xtask test`, which installs it")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), printed)
}

/// Python with the packages of `requirements.txt`.
pub(crate) fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/raw-venv/bin/python")
}
