use std::io;

use redis::{ErrorKind, RedisError};

use introspectd_fleet::Down;

/// Failure of one connection or command: which kind, and nothing that was sent.
///
/// What a server writes after its code is dropped, since it may name a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("connection refused")]
    Refused,
    #[error("timed out")]
    TimedOut,
    #[error("connection lost")]
    Lost,
    #[error("host name cannot be resolved or reached ({0})")]
    Unreachable(io::ErrorKind),
    #[error("TLS failed ({0})")]
    Tls(String),
    #[error("{0}")]
    Code(Code),
    #[error("not a master")]
    NotMaster,
    #[error("no sentinel answers")]
    NoSentinel,
    #[error("the sentinels do not know a master of this name")]
    UnknownMaster,
    #[error("no node of the cluster serves this slot")]
    NoOwner,
    #[error("unexpected response; is this Redis 6.2 or newer?")]
    Unexpected,
    #[error("no replica has confirmed the write, so a failover may lose it")]
    NotReplicated,
    #[error("the store is closed")]
    Closed,
}

/// Error code that begins a server's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", self.explanation())]
pub(super) struct Code {
    code: String,
}

impl Fault {
    /// True if another node may be the master now.
    pub(super) fn is_demotion(&self) -> bool {
        match self {
            Self::Code(code) => ["READONLY", "MASTERDOWN", "UNBLOCKED"].contains(&code.as_str()),
            Self::NotMaster => true,
            Self::Refused
            | Self::TimedOut
            | Self::Lost
            | Self::Unreachable(_)
            | Self::Tls(_)
            | Self::NoSentinel
            | Self::UnknownMaster
            | Self::NoOwner
            | Self::Unexpected
            | Self::NotReplicated
            | Self::Closed => false,
        }
    }

    /// True if the connection is of no use any more.
    pub(super) fn is_loss(&self) -> bool {
        self.is_demotion() || matches!(self, Self::TimedOut | Self::Lost)
    }

    /// True if the map of a cluster may be out of date.
    pub(super) fn is_rerouting(&self) -> bool {
        match self {
            Self::Code(code) => {
                self.is_demotion() || ["MOVED", "ASK", "CLUSTERDOWN"].contains(&code.as_str())
            }
            Self::Refused
            | Self::TimedOut
            | Self::Lost
            | Self::Unreachable(_)
            | Self::NotMaster
            | Self::NoOwner => true,
            Self::Tls(_)
            | Self::NoSentinel
            | Self::UnknownMaster
            | Self::Unexpected
            | Self::NotReplicated
            | Self::Closed => false,
        }
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Code(found) if found.as_str() == code)
    }

    pub(super) fn code(code: &str) -> Self {
        Self::Code(Code {
            code: code.to_owned(),
        })
    }
}

impl Code {
    fn as_str(&self) -> &str {
        &self.code
    }

    fn explanation(&self) -> &'static str {
        match self.as_str() {
            "NOAUTH" => ": it requires a password",
            "WRONGPASS" => ": wrong username or password",
            "NOPERM" => ": its ACL denies this user a command or the prefix",
            "READONLY" => ": it is a replica",
            "LOADING" => ": it is loading its data",
            "OOM" => ": it is full (maxmemory)",
            "MISCONF" => ": it refuses writes because it cannot save",
            "NOREPLICAS" => ": it refuses writes because it has too few replicas",
            "CLUSTERDOWN" => ": the cluster does not serve this slot",
            "MOVED" | "ASK" | "TRYAGAIN" => ": the slot is moving",
            _ => "",
        }
    }
}

impl From<Fault> for Down {
    fn from(fault: Fault) -> Self {
        Self(format!("Redis: {fault}"))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        // rustls puts its own error into one of IO.
        if let Some(tls) = error
            .get_ref()
            .and_then(|it| it.downcast_ref::<rustls::Error>())
        {
            return Self::Tls(tls.to_string());
        }
        error.kind().into()
    }
}

impl From<io::ErrorKind> for Fault {
    fn from(kind: io::ErrorKind) -> Self {
        const LOSSES: [io::ErrorKind; 5] = [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::NotConnected,
            io::ErrorKind::UnexpectedEof,
        ];
        if kind == io::ErrorKind::ConnectionRefused {
            Self::Refused
        } else if kind == io::ErrorKind::TimedOut {
            Self::TimedOut
        } else if LOSSES.contains(&kind) {
            Self::Lost
        } else {
            Self::Unreachable(kind)
        }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if let Some(code) = code_of(&error) {
            return Self::code(code);
        }
        if error.kind() != ErrorKind::Io {
            return Self::Unexpected;
        }
        let source = std::error::Error::source(&error);
        match source.and_then(|source| source.downcast_ref::<io::Error>()) {
            // An error of TLS reaches this place only by its kind: the source is not ours.
            Some(io) => io.kind().into(),
            None => Self::Lost,
        }
    }
}

/// Finds the code of a server's error: capitals, as every server writes it.
fn code_of(error: &RedisError) -> Option<&str> {
    /// Codes that Redis 6.2 hides behind the place in the script where it failed.
    const INNER: [&str; 5] = ["READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM"];
    let code = error.code()?;
    if code != "ERR" && code.chars().all(|c| c.is_ascii_uppercase()) {
        return Some(code);
    }
    let text = error.detail().unwrap_or_default();
    let inner = INNER.into_iter().find(|inner| text.contains(inner));
    Some(inner.unwrap_or("ERR"))
}
