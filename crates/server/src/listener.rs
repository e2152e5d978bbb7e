use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::socket::{BACKLOG, SocketAccess, SocketListener};

/// Where to listen: `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/introspectd/api.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// An IP address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// The text is no address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no address to listen on")
    }
}

impl std::error::Error for InvalidAddress {}

impl ListenAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`InvalidAddress`] for anything but an IP address with a port, or `unix:` and an absolute path.
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

/// A bound listener.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(SocketListener),
}

impl Listener {
    /// Binds. `access` is for a Unix socket: whom it keeps out cannot connect at any moment. A file left by a
    /// process that is gone is taken over; ours is removed when the listener is dropped.
    ///
    /// # Errors
    /// As the system says; another process or another file has the socket's place.
    pub async fn bind(address: &ListenAddress, access: SocketAccess) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => bind_tcp(*address, false).map(Self::Tcp),
            ListenAddress::Unix(path) => SocketListener::bind(path, access).await.map(Self::Unix),
        }
    }

    /// Binds an IPv6 address for IPv6 alone, where another listener has an IPv4 address with the same port.
    ///
    /// # Errors
    /// As the system says.
    pub fn bind_beside_ipv4(address: SocketAddrV6) -> io::Result<Self> {
        bind_tcp(address.into(), true).map(Self::Tcp)
    }

    /// Where it listens: for port 0, the port that was taken.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(listener) => Ok(ListenAddress::Unix(listener.path().to_owned())),
        }
    }
}

fn bind_tcp(address: SocketAddr, only_ipv6: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        // Whatever the system's default is (net.ipv6.bindv6only).
        SockRef::from(&socket).set_only_v6(only_ipv6)?;
    }
    // Connections of a process before us, which are still about to end, are no reason not to start.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[test]
    fn addresses() {
        for good in ["127.0.0.1:0", "[::1]:8080", "unix:/run/x.sock"] {
            assert_eq!(ListenAddress::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "8080", "localhost:8080", "unix:", "unix:relative", "127.0.0.1", "http://127.0.0.1:1"]
        {
            assert_eq!(ListenAddress::parse(bad), Err(InvalidAddress), "{bad}");
        }
    }

    /// Nobody accepts in the meantime: with room for 128, the last would wait, or be refused.
    #[tokio::test]
    async fn a_burst_of_connections_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let bind = async |address| Listener::bind(&address, SocketAccess::default()).await.unwrap();
        let _unix = bind(ListenAddress::Unix(path.clone())).await;
        let tcp = bind(ListenAddress::parse("127.0.0.1:0").unwrap()).await;
        let Ok(ListenAddress::Tcp(address)) = tcp.address() else { panic!("{tcp:?}") };
        let patience = std::time::Duration::from_millis(500);
        let mut connections = Vec::new();
        for _ in 0..300 {
            let over_tcp = std::net::TcpStream::connect_timeout(&address, patience).unwrap();
            connections.push((over_tcp, UnixStream::connect(&path).await.unwrap()));
        }
    }
}
