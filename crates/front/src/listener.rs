use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket, UnixStream};

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

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`). A proxy opens one for
/// each of its clients when they come all at once: one too many waits for a second over TCP, and is refused
/// on a Unix socket.
const BACKLOG: u32 = 4096;

/// A bound listener. One on a Unix socket removes its file when it is dropped.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, ours to remove.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds. A Unix socket is open to its owner and group; a file left by a process that is gone is
    /// taken over, one that is answered on is not.
    ///
    /// # Errors
    /// As the system says.
    pub async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => Ok(Self::Tcp(bind_tcp(*address)?)),
            ListenAddress::Unix(path) => {
                remove_stale(path).await?;
                let socket = UnixSocket::new_stream()?;
                socket.bind(path)?;
                let listener = socket.listen(BACKLOG)?;
                let file = SocketFile(path.clone());
                fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens: for port 0, the port that was taken.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(_, SocketFile(path)) => Ok(ListenAddress::Unix(path.clone())),
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a process before us, which are still about to end, are no reason not to start.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
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
        let _unix = Listener::bind(&ListenAddress::Unix(path.clone())).await.unwrap();
        let tcp = Listener::bind(&ListenAddress::parse("127.0.0.1:0").unwrap()).await.unwrap();
        let Ok(ListenAddress::Tcp(address)) = tcp.address() else { panic!("{tcp:?}") };
        let patience = std::time::Duration::from_millis(500);
        let mut connections = Vec::new();
        for _ in 0..300 {
            let over_tcp = std::net::TcpStream::connect_timeout(&address, patience).unwrap();
            connections.push((over_tcp, UnixStream::connect(&path).await.unwrap()));
        }
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_taken_over_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let address = ListenAddress::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());

        let listener = Listener::bind(&address).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(Listener::bind(&address).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        fs::write(&path, "x").unwrap();
        assert!(Listener::bind(&ListenAddress::Unix(path.clone())).await.is_err());
        assert_eq!(fs::read_to_string(path).unwrap(), "x");
    }
}
