use std::fmt;
use std::net::SocketAddr;

use crate::places::Standing;

/// Where a connection comes from, as the system says: for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over a Unix socket: a process of this machine.
    Unix {
        /// Its user, when it connected.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its number, where the system tells.
        pid: Option<i32>,
    },
    /// The system does not say.
    #[default]
    Unknown,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid, gid, pid: Some(pid) } => write!(f, "uid={uid} gid={gid} pid={pid}"),
            Self::Unix { uid, gid, pid: None } => write!(f, "uid={uid} gid={gid}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What a connection tells of who is at its other end.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// Where it comes from.
    pub origin: Origin,
    /// The certificate that the client showed and we verified, in DER.
    pub certificate: Option<Vec<u8>>,
    /// Whether the listener asks for certificates.
    pub is_asked_for_certificate: bool,
    /// Whether it speaks TLS with us.
    pub tls: bool,
    /// Mark by which an authenticated connection keeps its place.
    pub standing: Standing,
}
