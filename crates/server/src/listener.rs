use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::socket::{BACKLOG, SocketAccess, SocketListener};

/// Address to listen on: `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/introspectd/api.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// IP address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// Socket in the file system.
    Unix(PathBuf),
}

/// Error of a text that is not an address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a listen address")
    }
}

impl std::error::Error for InvalidAddress {}

impl ListenAddress {
    /// Parses an address.
    ///
    /// # Errors
    /// [`InvalidAddress`] for anything but an IP address with a port, or `unix:` and an absolute
    /// path.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err(InvalidAddress),
            None => text.parse().map(Self::Tcp).map_err(|_| InvalidAddress),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Bound listener.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(SocketListener),
}

impl Listener {
    /// Binds an address. `access` applies to a Unix socket, from its first moment. A stale socket
    /// file is replaced; our own is removed when the listener is dropped.
    ///
    /// # Errors
    /// System errors, and a path that another process listens on or another file has.
    pub async fn bind(address: &ListenAddress, access: SocketAccess) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => bind_tcp(*address, false).map(Self::Tcp),
            ListenAddress::Unix(path) => SocketListener::bind(path, access).await.map(Self::Unix),
        }
    }

    /// Binds an IPv6 address for IPv6 only, because another listener has the same port on IPv4.
    ///
    /// # Errors
    /// System errors.
    pub fn bind_beside_ipv4(address: SocketAddrV6) -> io::Result<Self> {
        bind_tcp(address.into(), true).map(Self::Tcp)
    }

    /// Returns the bound address: for port 0, the port that was taken.
    ///
    /// # Errors
    /// System errors.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(listener) => Ok(ListenAddress::Unix(listener.path().to_owned())),
        }
    }
}

fn bind_tcp(address: SocketAddr, only_ipv6: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if address.is_ipv6() {
        // Explicit, since the system's default may differ (net.ipv6.bindv6only).
        SockRef::from(&socket).set_only_v6(only_ipv6)?;
    }
    // Lingering connections of a previous process must not keep this one from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[test]
    fn address_is_an_ip_with_a_port_or_an_absolute_path() {
        for good in ["127.0.0.1:0", "[::1]:8080", "unix:/run/x.sock"] {
            assert_eq!(ListenAddress::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "8080",
            "localhost:8080",
            "unix:",
            "unix:relative",
            "127.0.0.1",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(ListenAddress::parse(bad), Err(InvalidAddress), "{bad}");
        }
    }

    /// Accepts none in the meantime: with a backlog of 128, the last would wait, or be refused.
    #[tokio::test]
    async fn burst_of_connections_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let bind = async |address| {
            Listener::bind(&address, SocketAccess::default())
                .await
                .unwrap()
        };
        let _unix = bind(ListenAddress::Unix(path.clone())).await;
        let tcp = bind(ListenAddress::parse("127.0.0.1:0").unwrap()).await;
        let Ok(ListenAddress::Tcp(address)) = tcp.address() else {
            panic!("{tcp:?}")
        };
        let timeout = std::time::Duration::from_millis(500);
        let mut connections = Vec::new();
        for _ in 0..300 {
            let over_tcp = std::net::TcpStream::connect_timeout(&address, timeout).unwrap();
            connections.push((over_tcp, UnixStream::connect(&path).await.unwrap()));
        }
    }
}
