use std::fmt;
use std::net::SocketAddr;

use crate::places::Standing;

/// Peer of a connection, as the system reports it, for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    Tcp(SocketAddr),
    /// Process of this machine, over a Unix socket.
    Unix {
        /// User when it connected.
        uid: u32,
        /// Group when it connected.
        gid: u32,
        /// Process id, if the system reports it.
        pid: Option<i32>,
    },
    /// Not reported by the system.
    #[default]
    Unknown,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix {
                uid,
                gid,
                pid: Some(pid),
            } => write!(f, "uid={uid} gid={gid} pid={pid}"),
            Self::Unix {
                uid,
                gid,
                pid: None,
            } => write!(f, "uid={uid} gid={gid}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Facts about the client of a connection, from before its first request.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    pub origin: Origin,
    /// Verified certificate of the client, in DER.
    pub certificate: Option<Vec<u8>>,
    /// Set if the listener requests certificates.
    pub is_asked_for_certificate: bool,
    /// Set if the connection uses TLS.
    pub tls: bool,
    /// Mark by which an authenticated connection keeps its place.
    pub standing: Standing,
}
