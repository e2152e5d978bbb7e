//! A server that is measured, started and asked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::answer::{
    AUDIENCE, CALLER, Endpoint, OPERATOR, OPERATOR_SECRET, POLICY, PROVIDER, RECORDS, SCOPE, SECRET,
};
use crate::client::{self, Plan};
use crate::exchange::Answer;
use crate::failure::{Failure, Result, Tried};
use crate::lab::Lab;
use crate::nginx;
use crate::proc::{self, Memory};
use crate::process::Process;
use crate::role::{free_port, role, wait_until_open};
use crate::subject::Subject;
use crate::tls::TlsListener;

/// Settings of introspectd that differ from its defaults, beside the reuse of half an hour that the
/// peers have, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) mebibytes: u64,
    /// Adds a second caller, which may revoke and purge, and a provider whose records it revokes.
    pub(crate) operated: bool,
    /// Sends the log to a pipe, as under a service manager, not to a file.
    pub(crate) piped: bool,
    /// Sends load over TLS, to a listener beside the plain one.
    pub(crate) tls: bool,
    /// Adds a port for Envoy.
    pub(crate) grpc: bool,
}

impl Room {
    /// `[cache] max_bytes` by default.
    pub(crate) const DEFAULT: Self = Self {
        mebibytes: 256,
        operated: false,
        piped: false,
        tls: false,
        grpc: false,
    };
    /// More than any set needs.
    pub(crate) const AMPLE: Self = Self {
        mebibytes: 4096,
        ..Self::DEFAULT
    };
    pub(crate) const OPERATED: Self = Self {
        operated: true,
        ..Self::DEFAULT
    };
    pub(crate) const PIPED: Self = Self {
        piped: true,
        ..Self::DEFAULT
    };
    pub(crate) const GRPC: Self = Self {
        grpc: true,
        ..Self::DEFAULT
    };
    pub(crate) const TLS: Self = Self {
        tls: true,
        ..Self::DEFAULT
    };
}

/// A subject that answers.
pub(crate) struct Running {
    pub(crate) subject: Subject,
    pub(crate) port: u16,
    /// Kind of request.
    pub(crate) endpoint: Endpoint,
    tls: Option<TlsListener>,
    grpc: Option<u16>,
    process: Process,
    folder: PathBuf,
}

impl Running {
    /// Starts it in front of this authority and waits until it takes connections. What repeats
    /// another server's answer has its port in the authority's place.
    pub(crate) fn start(lab: &Lab, subject: Subject, authority: u16, room: Room) -> Result<Self> {
        let port = free_port()?;
        let folder = lab.folder(subject.name())?;
        let tls = if room.tls {
            Some(TlsListener::create(&folder)?)
        } else {
            None
        };
        let grpc = if room.grpc { Some(free_port()?) } else { None };
        let command = match subject {
            Subject::Floor => floor(port, tls.as_ref())?,
            Subject::Introspectd => introspectd(
                lab,
                port,
                authority,
                room,
                Beside {
                    tls: tls.as_ref(),
                    grpc,
                },
                &folder,
            )?,
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

/// Listeners beside the plain one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    tls: Option<&'a TlsListener>,
    grpc: Option<u16>,
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

/// Command that starts introspectd.
pub(crate) fn introspectd(
    lab: &Lab,
    port: u16,
    authority: u16,
    room: Room,
    beside: Beside<'_>,
    folder: &std::path::Path,
) -> Result<Command> {
    let Room {
        mebibytes,
        operated,
        piped: _,
        tls: _,
        grpc: _,
    } = room;
    let grpc = beside.grpc.map_or_else(String::new, |port| {
        format!("grpc = [\"127.0.0.1:{port}\"]\n")
    });
    let tls = beside.tls.map_or_else(String::new, |TlsListener { port, certificate, key }| {
        format!(
            ", {{ address = \"127.0.0.1:{port}\", tls = {{ certificate = \"{}\", key = \"{}\" }} \
                }}",
            certificate.display(),
            key.display()
        )
    });
    let operator = if operated {
        format!(
            "[callers.{OPERATOR}]\nsecret = {{ literal = \"{OPERATOR_SECRET}\" }}\n\
             permissions = [\"revoke\", \"purge\"]\n\
             [providers.{RECORDS}]\nkind = \"passport\"\nbase_url = \
             \"http://127.0.0.1:{authority}\"\n\
             credentials = {{ type = \"none\" }}\n"
        )
    } else {
        String::new()
    };
    let configuration = format!(
        "[listen]\napi = [\"127.0.0.1:{port}\"{tls}]\n{grpc}admin = \
            \"127.0.0.1:{admin}\"\nworkers = 2\n\
         [cache]\nttl = \"30m\"\nmax_bytes = \"{mebibytes}MiB\"\n\
         [routing]\nunmatched = \"{PROVIDER}\"\n\
         [callers.{CALLER}]\nsecret = {{ literal = \"{SECRET}\" }}\n\
         [policies.{POLICY}]\nscope = [\"{SCOPE}\"]\naud = [\"{AUDIENCE}\"]\n\
         [providers.{PROVIDER}]\nkind = \"rfc7662\"\n\
         introspection_endpoint = \"http://127.0.0.1:{authority}/facts\"\n\
         credentials = {{ type = \"client_secret_basic\", client_id = \"{CALLER}\", \
         client_secret = {{ literal = \"{SECRET}\" }} }}\n{operator}",
        admin = free_port()?,
    );
    let file = folder.join("introspectd.toml");
    fs::write(&file, configuration).tried(file.display())?;
    let mut command = Command::new(&lab.introspectd);
    command.arg("serve").arg("--config").arg(file);
    // Such a variable wins over the file.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("INTROSPECTD__"))
        {
            command.env_remove(name);
        }
    }
    Ok(command)
}
