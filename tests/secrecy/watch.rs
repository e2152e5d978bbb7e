//! Secrets, and everything that is written.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use introspectd_simulators::{Simulator, Vendor};
use introspectd_tests::{Gateway, Reply, basic};
use serde_json::Value;
use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Mark in bodies and headers of vendors, and in requests of unknown callers.
pub(crate) const MARK: &str = "do-not-write-me-31415926535";

/// Lines that were written.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// The product's log in both its forms, at the most talkative level that an operator can choose,
/// and everything that there is to log.
pub(crate) struct Logs {
    pub(crate) json: Lines,
    pub(crate) human: Lines,
    pub(crate) everything: Lines,
}

pub(crate) static LOGS: LazyLock<Logs> = LazyLock::new(|| {
    let logs = Logs {
        json: Lines::default(),
        human: Lines::default(),
        everything: Lines::default(),
    };
    let writer = |lines: &Lines| {
        let lines = lines.clone();
        move || lines.clone()
    };
    let level = "trace,hyper=trace,h2=trace,hyper_util=trace";
    tracing_subscriber::registry()
        .with(introspectd::log::lines(level, writer(&logs.json), false))
        .with(introspectd::log::lines(level, writer(&logs.human), true))
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_writer(writer(&logs.everything)),
        )
        .init();
    logs
});

/// Everything secret that a test handled, and everything that was answered.
pub(crate) struct Watch {
    secrets: BTreeSet<String>,
    answered: Vec<String>,
    folder: TempDir,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            secrets: BTreeSet::new(),
            answered: Vec::new(),
            folder,
        }
    }

    /// The configuration of the audit log, which all gateways share.
    pub(crate) fn audit(&self) -> String {
        format!("[audit]\nto = {:?}\n", self.audit_log())
    }

    fn audit_log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    /// All that was written to it by gateways that were stopped.
    pub(crate) fn audited(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.audit_log()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Has its last lines written, too.
    pub(crate) async fn stop(&self, gateway: Gateway) {
        gateway.stop().await;
    }

    pub(crate) fn secret(&mut self, secret: &str) {
        assert!(secret.len() >= 8, "{secret:?} could stand anywhere");
        self.secrets.insert(secret.to_owned());
    }

    pub(crate) fn credential(&mut self, name: &str, secret: &str) {
        self.secret(secret);
        self.secret(basic(name, secret).trim_start_matches("Basic "));
    }

    /// Adds the credentials that the gateway sent to a vendor to the secrets.
    pub(crate) fn sent<V: Vendor>(&mut self, server: &Simulator<V>) {
        for request in server.requests() {
            let header = request
                .header("authorization")
                .unwrap_or_default()
                .to_owned();
            if let Some((_, credential)) = header.split_once(' ') {
                self.secret(credential);
            }
        }
        server.forget();
    }

    pub(crate) fn answered(&mut self, reply: &Reply) {
        self.said(reply.everything());
    }

    /// Anything else that got out.
    pub(crate) fn said(&mut self, text: String) {
        self.answered.push(text);
    }

    pub(crate) fn assert_nothing_is_out(&self) {
        for secret in &self.secrets {
            for answer in &self.answered {
                assert!(!answer.contains(secret), "{secret} was answered: {answer}");
            }
            let audit_log = std::fs::read_to_string(self.audit_log()).unwrap();
            for log in [LOGS.json.text(), LOGS.human.text(), audit_log] {
                let line = log.lines().find(|line| line.contains(secret.as_str()));
                assert_eq!(line, None, "{secret} was logged");
            }
        }
    }
}
