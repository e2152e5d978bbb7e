//! The servers that are compared, and how each is started.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::answer::{CALLER, PROVIDER, SECRET};
use crate::client::Plan;
use crate::failure::{Failure, Result, Tried};
use crate::lab::Lab;
use crate::nginx;
use crate::proc::{self, Memory};
use crate::process::Process;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Bare hyper with one constant answer.
    Floor,
    Introspectd,
    /// nginx `proxy_cache` of the POST.
    ProxyCache,
    /// The same with `open_file_cache`.
    OpenFileCache,
    /// nginx with Lua and `lua_shared_dict`.
    Lua,
}

impl Subject {
    pub(crate) const PEERS: [Self; 3] = [Self::ProxyCache, Self::OpenFileCache, Self::Lua];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare hyper",
            Self::Introspectd => "introspectd",
            Self::ProxyCache => "nginx proxy_cache",
            Self::OpenFileCache => "nginx proxy_cache, open_file_cache",
            Self::Lua => "nginx lua_shared_dict",
        }
    }

    /// Whether it has to be told a token before it can answer without asking.
    pub(crate) fn caches(self) -> bool {
        self != Self::Floor
    }
}

/// How introspectd departs from its defaults, beside the reuse of half an hour that the peers have, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) mebibytes: u64,
}

impl Room {
    /// `[cache] max_bytes` by default.
    pub(crate) const DEFAULT: Self = Self { mebibytes: 256 };
    /// More than any set needs.
    pub(crate) const AMPLE: Self = Self { mebibytes: 4096 };
}

/// A subject that answers.
pub(crate) struct Running {
    pub(crate) subject: Subject,
    pub(crate) port: u16,
    process: Process,
    folder: PathBuf,
}

impl Running {
    /// Starts it in front of this authority and waits until it takes connections.
    pub(crate) fn start(lab: &Lab, subject: Subject, authority: u16, room: Room) -> Result<Self> {
        let port = free_port()?;
        let folder = lab.folder(subject.name())?;
        let command = match subject {
            Subject::Floor => role("floor", port)?,
            Subject::Introspectd => introspectd(lab, port, authority, room, &folder)?,
            Subject::ProxyCache | Subject::OpenFileCache | Subject::Lua => {
                nginx::command(subject, port, authority, &folder)?
            }
        };
        let mut process = Process::start(&command, &folder.join("log"))?;
        wait_until_open(port, &mut process)
            .map_err(|why| Failure::new(format!("{}: {why}", subject.name())))?;
        Ok(Self { subject, port, process, folder })
    }

    pub(crate) fn cpu(&self) -> Duration {
        proc::cpu(self.process.id())
    }

    pub(crate) fn memory(&self) -> Memory {
        proc::memory(self.process.id())
    }

    /// Asks about each token once. Every answer must be an active one.
    pub(crate) fn fill(&self, prefix: &str, tokens: std::ops::Range<u64>) -> Result<()> {
        let requests = tokens.end - tokens.start;
        let plan = Plan {
            port: self.port,
            connections: 64,
            requests,
            rate: None,
            patience: Duration::from_secs(30 + requests / 2000),
            token: &|number| crate::answer::token(prefix, tokens.start + number),
        };
        let report = plan.run()?;
        report
            .all_active(requests)
            .map_err(|why| Failure::new(format!("{} could not be filled: {why}", self.subject.name())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Hundreds of mebibytes of cache files may be in it, and it is memory.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What introspectd is started with.
pub(crate) fn introspectd(
    lab: &Lab,
    port: u16,
    authority: u16,
    room: Room,
    folder: &std::path::Path,
) -> Result<Command> {
    let Room { mebibytes } = room;
    let configuration = format!(
        "[listen]\napi = [\"127.0.0.1:{port}\"]\nadmin = \"127.0.0.1:{admin}\"\n\
         [cache]\nttl = \"30m\"\nmax_bytes = \"{mebibytes}MiB\"\n\
         [routing]\nunmatched = \"{PROVIDER}\"\n\
         [callers.{CALLER}]\nsecret = {{ literal = \"{SECRET}\" }}\n\
         [providers.{PROVIDER}]\nkind = \"rfc7662\"\n\
         introspection_endpoint = \"http://127.0.0.1:{authority}/facts\"\n\
         credentials = {{ type = \"client_secret_basic\", client_id = \"{CALLER}\", \
         client_secret = {{ literal = \"{SECRET}\" }} }}\n",
        admin = free_port()?,
    );
    let file = folder.join("introspectd.toml");
    fs::write(&file, configuration).tried(file.display())?;
    let mut command = Command::new(&lab.introspectd);
    command.arg("serve").arg("--config").arg(file).env("TOKIO_WORKER_THREADS", "2");
    // Such a variable wins over the file.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("INTROSPECTD__")) {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// This program in a role of its own.
pub(crate) fn role(name: &str, port: u16) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().tried("cannot find myself")?);
    command.arg(name).arg(port.to_string());
    Ok(command)
}

/// One that nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).tried("no free port")?;
    Ok(listener.local_addr().tried("no free port")?.port())
}

pub(crate) fn wait_until_open(port: u16, process: &mut Process) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if process.has_ended() {
            return Err(Failure::new(format!("ended at its start: {}", process.last_words())));
        }
        if Instant::now() > end {
            return Err(Failure::new(format!("takes no connections: {}", process.last_words())));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
