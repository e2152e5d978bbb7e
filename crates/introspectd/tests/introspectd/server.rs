//! `introspectd serve`, started and killed.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use crate::program::{Folder, soon};

/// A running server, killed when dropped.
pub(crate) struct Server {
    pub(crate) folder: Folder,
    child: Child,
    log: Arc<watch::Sender<Vec<String>>>,
}

/// Free ports for both listeners, and callers: `edge` with the secret `edge-secret`, who may
/// introspect and look up.
pub(crate) const BASE: &str = r#"
[listen]
api = "127.0.0.1:0"
admin = "127.0.0.1:0"

[callers.edge]
secret = { literal = "edge-secret" }
permissions = ["introspect", "lookup"]
"#;

/// The arguments that serve a [`Folder`]'s configuration.
pub(crate) const SERVE: [&str; 3] = ["serve", "--config", "introspectd.toml"];

impl Server {
    /// Starts it with this configuration and waits until it listens.
    pub(crate) async fn start(toml: &str) -> Self {
        Self::start_in(Folder::with_config(toml), &[]).await
    }

    /// Starts with [`BASE`] before this configuration.
    pub(crate) async fn start_with(toml: &str) -> Self {
        Self::start(&format!("{BASE}{toml}")).await
    }

    pub(crate) async fn start_in(folder: Folder, environment: &[(&str, &str)]) -> Self {
        let mut command = folder.command();
        command.args(SERVE).envs(environment.iter().copied());
        Self::start_as(folder, command.stdout(Stdio::null())).await
    }

    /// Starts the server by any command.
    pub(crate) async fn start_as(folder: Folder, command: &mut Command) -> Self {
        // The admin listener is announced last.
        Self::start_until(folder, command, r#""listener":"admin""#).await
    }

    /// Starts the server by any command, and waits for a line that holds this.
    pub(crate) async fn start_until(folder: Folder, command: &mut Command, text: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(watch::Sender::new(Vec::new()));
        let sender = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| log.push(line));
            }
            sender.send_modify(|log| log.push(END.to_owned()));
        });
        let server = Self { folder, child, log };
        server.logged(text).await;
        server
    }

    /// Address of the API listener.
    pub(crate) fn api(&self) -> String {
        self.addresses("api").remove(0)
    }

    pub(crate) fn admin(&self) -> String {
        self.addresses("admin").remove(0)
    }

    pub(crate) fn addresses(&self, listener: &str) -> Vec<String> {
        let events = self
            .log()
            .into_iter()
            .map(|line| serde_json::from_str::<Value>(&line).unwrap());
        events
            .filter(|event| event["message"] == "listening" && event["listener"] == listener)
            .map(|event| event["address"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The lines so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log
            .borrow()
            .iter()
            .filter(|line| *line != END)
            .cloned()
            .collect()
    }

    /// Waits for a line that holds this.
    pub(crate) async fn logged(&self, text: &str) {
        let mut lines = self.log.subscribe();
        let found =
            |lines: &Vec<String>| lines.iter().any(|line| line.contains(text) || line == END);
        soon(text, lines.wait_for(found)).await.unwrap();
        let lines = self.log();
        assert!(
            lines.iter().any(|line| line.contains(text)),
            "it ended without {text}: {lines:#?}"
        );
    }

    /// Standard output, if [`Self::start_as`] had it piped.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Path of a file as the server sees it, whatever is mounted there.
    pub(crate) fn sees(&self, name: &str) -> PathBuf {
        let path = self.folder.path(name);
        let root = format!("/proc/{}/root", self.child.id().unwrap());
        PathBuf::from(root).join(path.strip_prefix("/").unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for so many lines that hold this.
    pub(crate) async fn lines(&self, text: &str, count: usize) {
        let mut lines = self.log.subscribe();
        let found =
            |lines: &Vec<String>| lines.iter().filter(|line| line.contains(text)).count() >= count;
        soon(text, lines.wait_for(found)).await.unwrap();
    }

    /// Waits until the process is gone and its log is complete.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = soon("the end of the server", self.child.wait())
            .await
            .unwrap();
        let mut lines = self.log.subscribe();
        soon(
            "the end of the log",
            lines.wait_for(|lines| lines.iter().any(|line| line == END)),
        )
        .await
        .unwrap();
        status
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path("api.sock")
    }
}

/// Stands after the last line of the log.
const END: &str = "(end)";
