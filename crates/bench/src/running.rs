//! A server that is measured, started and asked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::answer::Endpoint;
use crate::client::{self, Plan};
use crate::configuration::{self, Beside};
use crate::exchange::Answer;
use crate::failure::{Failure, Result};
use crate::lab::Lab;
use crate::metrics::Metrics;
use crate::nginx;
use crate::proc::{self, Memory};
use crate::process::Process;
use crate::role::{free_port, role, wait_until_open};
use crate::room::Room;
use crate::subject::Subject;
use crate::tls::TlsListener;

/// A subject that answers.
pub(crate) struct Running {
    pub(crate) subject: Subject,
    pub(crate) port: u16,
    /// Kind of request.
    pub(crate) endpoint: Endpoint,
    tls: Option<TlsListener>,
    grpc: Option<u16>,
    admin: u16,
    /// Configuration of introspectd, but for what was added to it.
    base: String,
    process: Process,
    folder: PathBuf,
}

impl Running {
    /// Starts it in front of this authority and waits until it takes connections. What repeats
    /// another server's answer has its port in the authority's place.
    pub(crate) fn start(lab: &Lab, subject: Subject, authority: u16, room: Room) -> Result<Self> {
        Self::start_any(lab, subject, authority, room, "")
    }

    /// Starts introspectd with more sections in its configuration.
    pub(crate) fn start_with(lab: &Lab, authority: u16, more: &str) -> Result<Self> {
        Self::start_any(lab, Subject::Introspectd, authority, Room::DEFAULT, more)
    }

    fn start_any(
        lab: &Lab,
        subject: Subject,
        authority: u16,
        room: Room,
        more: &str,
    ) -> Result<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        let folder = lab.folder(subject.name())?;
        let tls = if room.tls {
            Some(TlsListener::create(&folder)?)
        } else {
            None
        };
        let grpc = if room.grpc { Some(free_port()?) } else { None };
        let beside = Beside {
            tls: tls.as_ref(),
            grpc,
            admin,
        };
        let base = configuration::text(port, authority, room, beside);
        let command = match subject {
            Subject::Floor => floor(port, tls.as_ref())?,
            Subject::Introspectd => {
                configuration::write(&folder, &format!("{base}{more}"))?;
                configuration::command(lab, &folder)
            }
            Subject::Mirror | Subject::Tonic => {
                let name = if subject == Subject::Mirror {
                    "mirror"
                } else {
                    "tonic"
                };
                let mut command = role(name, port)?;
                command.arg(authority.to_string());
                command
            }
            Subject::ProxyCache | Subject::OpenFileCache | Subject::Lua | Subject::Njs => {
                nginx::command(subject, port, authority, &folder)?
            }
            Subject::QuickCache | Subject::Moka => cached(subject, port)?,
        };
        let log = folder.join("log");
        let mut process = if room.piped {
            Process::start_piped(&command, &log)?
        } else {
            Process::start(&command, &log)?
        };
        wait_until_open(port, &mut process)
            .map_err(|why| Failure::new(format!("{}: {why}", subject.name())))?;
        Ok(Self {
            subject,
            port,
            endpoint: Endpoint::Introspect,
            tls,
            grpc,
            admin,
            base,
            process,
            folder,
        })
    }

    /// The same, asked something else.
    pub(crate) fn answering(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Port for Envoy.
    pub(crate) fn grpc_port(&self) -> u16 {
        self.grpc.unwrap_or(self.port)
    }

    /// URL for load.
    pub(crate) fn url(&self) -> String {
        match &self.tls {
            Some(tls) => format!("https://127.0.0.1:{}/", tls.port),
            None => format!("http://127.0.0.1:{}/", self.port),
        }
    }

    pub(crate) fn cpu(&self) -> Duration {
        proc::cpu(self.process.id())
    }

    pub(crate) fn memory(&self) -> Memory {
        proc::memory(self.process.id())
    }

    /// Number of open descriptors of the server.
    pub(crate) fn descriptors(&self) -> usize {
        proc::descriptors(self.process.id())
    }

    /// Lines of its log so far, where that goes into a pipe.
    pub(crate) fn log_lines(&self) -> u64 {
        self.process.lines()
    }

    /// Has introspectd read its configuration again, with other sections added to it.
    pub(crate) fn reload(&self, more: &str) -> Result<()> {
        configuration::write(&self.folder, &format!("{}{more}", self.base))?;
        self.process.signal(Signal::HUP)
    }

    /// Scrapes introspectd's metrics: they and how long it took.
    pub(crate) fn scrape(&self) -> Result<(Metrics, Duration)> {
        let start = Instant::now();
        let text = client::fetch(self.admin, "GET /metrics", Duration::from_secs(5))?;
        Ok((Metrics::new(text), start.elapsed()))
    }

    /// One request on a connection of its own: its answer and how long it took.
    pub(crate) fn ask(&self, token: &str, timeout: Duration) -> Result<(Answer, Duration)> {
        client::ask(self.port, self.endpoint, token, timeout)
    }

    /// Asks about each token once. Every answer must be an active one.
    pub(crate) fn fill(&self, prefix: &str, tokens: std::ops::Range<u64>) -> Result<()> {
        let requests = tokens.end - tokens.start;
        let plan = Plan {
            port: self.port,
            endpoint: self.endpoint,
            connections: 64,
            requests,
            rate: None,
            timeout: Duration::from_secs(30 + requests / 2000),
            token: &|number| crate::answer::token(prefix, tokens.start + number),
        };
        let report = plan.run()?;
        report.all_active(requests).map_err(|why| {
            Failure::new(format!(
                "{} could not be filled: {why}",
                self.subject.name()
            ))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Hundreds of mebibytes of cache files may be in it, and it is memory.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Command that starts bare hyper with a cache.
fn cached(subject: Subject, port: u16) -> Result<Command> {
    let mut command = crate::role::program()?;
    command
        .args(["cached", subject.name()])
        .arg(port.to_string());
    Ok(command)
}

fn floor(port: u16, tls: Option<&TlsListener>) -> Result<Command> {
    let mut command = role("floor", port)?;
    if let Some(TlsListener {
        port,
        certificate,
        key,
    }) = tls
    {
        command.arg(port.to_string()).arg(certificate).arg(key);
    }
    Ok(command)
}
