//! The tortured process: its files, its start and end, its signals, its limits.

mod config;
mod disk;
mod logs;
mod notify;
mod sections;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Options;
use crate::oracle::terms::Terms;
use crate::plan::Reload;
use crate::world::{Authority, Providers};

pub(crate) use config::{shared_cache, shared_terms, terms};
pub(crate) use disk::Disk;
pub(crate) use logs::Logs;
use notify::Notifications;

/// Introspectd, as an operator runs it.
pub(crate) struct Subject {
    binary: PathBuf,
    folder: TempDir,
    pub(crate) ports: Ports,
    pub(crate) disk: Disk,
    pub(crate) logs: Logs,
    notifications: Notifications,
    /// Signs the certificates of its TLS listener.
    authority: Authority,
    pub(crate) terms: Terms,
    /// Section of the configuration; empty for a process alone.
    shared_cache: String,
    /// Set if its configuration is not what the oracle believes.
    lies: bool,
    /// Path of libfaketime, where it is installed.
    faketime: Option<&'static str>,
    child: Mutex<Option<Child>>,
    /// Number of starts.
    generation: AtomicU64,
}

/// Addresses of its listeners, the same after each start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) api: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// Descriptors that the process may have: enough for the load, not for a crowd.
const DESCRIPTORS: u32 = 2048;
/// Address space that the process may have, in KiB: one that asks for more is ended.
const ADDRESS_SPACE: u32 = 8 << 20;
/// Resident memory over which the process takes too much: some 80 MiB are its own.
pub(crate) const MEMORY: u64 = 400 << 20;
/// Deadline of a start or an end.
const PATIENCE: Duration = Duration::from_secs(30);

const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/// Files that are replaced: what it trusts at a provider, what it shows there, and a password.
pub(crate) const AUTHORITIES: &str = "upstream-ca.pem";
pub(crate) const CLIENT: &str = "upstream-client.pem";
pub(crate) const PASSWORD: &str = "apis-password";
const CONFIGURATION: &str = "introspectd.toml";
const LISTENER: &str = "listener.pem";
const CLOCK: &str = "clock";

/// Longest time until the process has seen a new offset of its clock.
pub(crate) const CLOCK_SEEN: Duration = Duration::from_millis(2500);

impl Subject {
    /// Makes its folder and files. Starts nothing.
    pub(crate) fn new(options: &Options, terms: Terms, shared_cache: String) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let subject = Self {
            binary: options.binary.canonicalize()?,
            ports: Ports::free()?,
            disk: Disk::mount(&folder.path().join("disk"))?,
            logs: Logs::default(),
            notifications: Notifications::open(&folder.path().join("notify.sock"))?,
            authority: Authority::new("listeners")?,
            terms,
            // A replica that lies does so in that section.
            lies: options.sabotaged && shared_cache.is_empty(),
            shared_cache,
            faketime: FAKETIME.into_iter().find(|path| Path::new(path).exists()),
            folder,
            child: Mutex::default(),
            generation: AtomicU64::new(0),
        };
        subject.set_clock(0)?;
        subject.rotate_listener()?;
        Ok(subject)
    }

    /// Replaces one of its files in one piece.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let new = self.folder.path().join(format!("{name}.new"));
        std::fs::write(&new, text)?;
        std::fs::rename(new, self.folder.path().join(name))
    }

    /// Writes its configuration.
    pub(crate) fn write_config(&self, reload: Reload, providers: &Providers) -> io::Result<()> {
        self.write(CONFIGURATION, &config::toml(reload, self, providers))
    }

    /// Certificate of the authority that signs for the TLS listener.
    pub(crate) fn listeners_authority(&self) -> CertificateDer<'static> {
        self.authority.der()
    }

    /// Gives the TLS listener a new certificate, and returns it.
    pub(crate) fn rotate_listener(&self) -> io::Result<CertificateDer<'static>> {
        let identity = self.authority.issue()?;
        let is_first = self.generation() == 0;
        if is_first || !self.lies {
            self.write(LISTENER, &identity.pem)?;
        }
        Ok(identity.certificate)
    }

    /// Path of the Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// Number of starts so far: a connection of an earlier one is dead.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// Returns true if its clock can be set.
    pub(crate) fn has_clock(&self) -> bool {
        self.faketime.is_some()
    }

    /// Sets its clock so many seconds ahead. It sees that within [`CLOCK_SEEN`].
    pub(crate) fn set_clock(&self, ahead: i64) -> io::Result<()> {
        self.write(CLOCK, &format!("{ahead:+}"))
    }

    /// Starts it, and returns when it serves.
    pub(crate) async fn start(&self) -> io::Result<()> {
        self.notifications.clear();
        let mut child = self.command().spawn()?;
        if let Some(stderr) = child.stderr.take() {
            self.logs.read(stderr);
        }
        *self.child.lock().await = Some(child);
        self.generation.fetch_add(1, Relaxed);
        let ready = timeout(PATIENCE, self.notifications.next("READY=1")).await;
        ready.map_err(|_| io::Error::other(format!("not ready: {}", self.logs.last_words())))
    }

    fn command(&self) -> Command {
        // Limits by the shell, which then becomes the process.
        let limited =
            format!("ulimit -n {DESCRIPTORS} && ulimit -v {ADDRESS_SPACE} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &limited])
            .arg(&self.binary)
            .args(["serve", "--config", CONFIGURATION])
            .current_dir(self.folder.path())
            .env_clear()
            .env("NOTIFY_SOCKET", self.folder.path().join("notify.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(library) = self.faketime {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", self.folder.path().join(CLOCK))
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("FAKETIME_DISABLE_SHM", "1");
        }
        command
    }

    /// Sends a signal.
    pub(crate) async fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().await {
            // Fails where the process is gone, which its waiter reports.
            let _ = kill_process(pid, signal);
        }
    }

    pub(crate) async fn pid(&self) -> Option<Pid> {
        let child = self.child.lock().await;
        let id = child.as_ref()?.id()?;
        i32::try_from(id).ok().and_then(Pid::from_raw)
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) -> io::Result<ExitStatus> {
        let child = self.child.lock().await.take();
        let mut child = child.ok_or(io::ErrorKind::NotFound)?;
        timeout(PATIENCE, child.wait()).await?
    }

    /// Returns how it ended by itself, if it did.
    pub(crate) async fn died(&self) -> Option<ExitStatus> {
        self.child.lock().await.as_mut()?.try_wait().ok().flatten()
    }

    /// Has it load its configuration, and returns when the service manager is told that it did.
    pub(crate) async fn reload(&self) -> io::Result<()> {
        self.notifications.clear();
        self.signal(Signal::HUP).await;
        timeout(PATIENCE, self.notifications.next("READY=1")).await?;
        Ok(())
    }

    /// Resident memory in bytes.
    pub(crate) async fn memory(&self) -> Option<u64> {
        let pid = self.pid().await?.as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024)
    }
}

const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

impl Ports {
    /// Ports that nobody listens on now. Below those that the system gives to connections.
    fn free() -> io::Result<Self> {
        let start = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or_default();
        let mut free = (0..PORTS).filter_map(|_| {
            // Two runs in one process, and two processes, begin elsewhere.
            let place = start.wrapping_add(NEXT_PORT.fetch_add(1, Relaxed)) % PORTS;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST_PORT + place));
            TcpListener::bind(address).ok().map(|_| address)
        });
        let mut next = || free.next().ok_or(io::ErrorKind::AddrInUse);
        Ok(Self {
            api: next()?,
            tls: next()?,
            grpc: next()?,
            admin: next()?,
        })
    }
}

/// The same process for all tasks.
pub(crate) type Shared = Arc<Subject>;
