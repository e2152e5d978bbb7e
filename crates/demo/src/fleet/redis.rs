//! Redis of the fleet: a real server, installed if it is missing.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::output::remark;
use crate::server::shown;

/// Running server. It keeps nothing on disk, so one that is started again is empty. Killed when
/// dropped.
pub(super) struct Redis {
    address: SocketAddr,
    configuration: PathBuf,
    log: PathBuf,
    process: Child,
}

/// Debian's package.
const PACKAGE: &str = "redis-server";

/// The way in which the chores install packages.
const INSTALL: &str = include_str!("../../../xtask/src/install.sh");

/// Installs the server as root, where it is missing.
///
/// # Errors
/// It cannot be installed; names the command that does.
pub(crate) fn ensure_installed() -> Result<(), String> {
    if is_there("redis-server") {
        return Ok(());
    }
    let by_hand = format!(
        "redis-server is missing. Install Redis 6.2 or newer: \
         sudo apt-get install --no-install-recommends {PACKAGE}"
    );
    if !is_there("apt-get") || !is_root() {
        return Err(by_hand);
    }
    remark(&format!("Installing {PACKAGE} …"));
    let mut install = Command::new("sh");
    // Standard output is for the demo's own.
    install.args(["-c", &format!("exec >&2\n{INSTALL}"), "install", PACKAGE]);
    match install.stdin(Stdio::null()).status() {
        Ok(status) if status.success() && is_there("redis-server") => Ok(()),
        Ok(_) | Err(_) => Err(by_hand),
    }
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null());
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

impl Redis {
    /// Starts the server, and returns when it takes connections.
    pub(super) async fn start(address: SocketAddr, folder: &Path) -> Result<Self, String> {
        let configuration = folder.join("redis.conf");
        let text = format!(
            "port {}\nbind {}\ndir {}\nsave \"\"\nappendonly no\nmaxmemory 64mb\n\
             maxmemory-policy volatile-lru\n",
            address.port(),
            address.ip(),
            folder.display()
        );
        fs::write(&configuration, text)
            .map_err(|error| format!("cannot write {}: {error}", configuration.display()))?;
        let log = folder.join("redis.log");
        let process = spawn(&configuration, &log)?;
        let mut redis = Self {
            address,
            configuration,
            log,
            process,
        };
        redis.listens().await?;
        Ok(redis)
    }

    /// Ends the server without a word, as a crash does.
    pub(super) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts a killed server again, on the same port and empty.
    pub(super) async fn restart(&mut self) -> Result<(), String> {
        self.kill();
        self.process = spawn(&self.configuration, &self.log)?;
        self.listens().await
    }

    /// Path of its configuration, as it is shown.
    pub(super) fn configuration(&self) -> String {
        shown(&self.configuration)
    }

    pub(super) fn log(&self) -> String {
        shown(&self.log)
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for ten seconds at most.
    async fn listens(&mut self) -> Result<(), String> {
        for _ in 0..1000 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return Err(format!("redis-server exited: see {}", self.log()));
            }
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!(
            "redis-server does not listen after ten seconds: see {}",
            self.log()
        ))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(configuration: &Path, log: &Path) -> Result<Child, String> {
    let file =
        File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
    let mut command = Command::new("redis-server");
    command.arg(configuration).stdin(Stdio::null());
    command.stdout(file).stderr(Stdio::null());
    let process = command.spawn();
    process.map_err(|error| format!("cannot start redis-server: {error}"))
}
