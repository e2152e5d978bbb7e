use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`). A proxy
/// opens one for each of its clients when they arrive at once: one too many waits for a second over
/// TCP, and is refused on a Unix socket.
pub(crate) const BACKLOG: u32 = 4096;

/// Access to a Unix socket. Connecting requires write permission on its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketAccess {
    /// Mode of the file, at most `0o777`.
    pub mode: u32,
    /// User id of the owner; by default that of this process.
    pub owner: Option<u32>,
    /// Group id; by default that of this process or of the directory.
    pub group: Option<u32>,
}

impl Default for SocketAccess {
    fn default() -> Self {
        Self {
            mode: 0o660,
            owner: None,
            group: None,
        }
    }
}

/// Unix socket that accepts connections.
#[derive(Debug)]
pub struct SocketListener {
    path: PathBuf,
    // Before the listener, since fields are dropped in their order: while we listen, no successor
    // mistakes the file for a stale one, and no other file gets its inode.
    _file: Option<SocketFile>,
    listener: UnixListener,
}

impl SocketListener {
    /// Binds a path. A stale socket file is replaced; a socket in use, or any other file, is an
    /// error.
    pub(crate) async fn bind(path: &Path, access: SocketAccess) -> io::Result<Self> {
        make_room(path).await?;
        let (socket, file) = prepare(path, access)?;
        let listener = socket.listen(BACKLOG)?;
        Ok(Self {
            path: path.to_owned(),
            _file: Some(file),
            listener,
        })
    }

    /// Adopts a socket that the service manager bound. Its file is not ours to remove.
    pub(crate) fn passed(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let path = address
            .as_pathname()
            .ok_or_else(|| io::Error::other("the socket has no path"))?
            .to_owned();
        listener.set_nonblocking(true)?;
        Ok(Self {
            path,
            _file: None,
            listener: UnixListener::from_std(listener)?,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

/// Binds a socket and sets its permissions. Until it listens, the system refuses every connection,
/// so no connection predates the permissions.
fn prepare(path: &Path, access: SocketAccess) -> io::Result<(UnixSocket, SocketFile)> {
    let SocketAccess { mode, owner, group } = access;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile::at(path)?;
    if owner.is_some() || group.is_some() {
        chown(path, owner, group).map_err(|error| {
            let why = "only root changes the owner, and others choose only one of their own groups";
            io::Error::new(
                error.kind(),
                format!("cannot set owner or group: {error} ({why})"),
            )
        })?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok((socket, file))
}

async fn make_room(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        let why = "the path is a file that is not a socket: move it away, or choose another path";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(in_use(
            "another process listens on it: stop that process, or choose another path",
        )),
        Err(error) => Err(in_use(&format!(
            "cannot find out if another process listens on it: {error}"
        ))),
    }
}

fn in_use(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, why)
}

/// File of a Unix socket that we made. Removed when dropped, unless another file has replaced it.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    made: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let made = identity(&fs::symlink_metadata(path)?);
        Ok(Self {
            path: path.to_owned(),
            made,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours =
            fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.made);
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener as StdListener;

    use super::*;

    struct Place {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("api.sock");
            Self {
                _folder: folder,
                path,
            }
        }

        async fn bind(&self) -> io::Result<SocketListener> {
            SocketListener::bind(&self.path, SocketAccess::default()).await
        }

        async fn accepts(&self) -> bool {
            UnixStream::connect(&self.path).await.is_ok()
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn stale_socket_is_replaced() {
        let place = Place::new();
        drop(StdListener::bind(&place.path).unwrap());
        assert!(place.path.exists());

        let listener = place.bind().await.unwrap();
        assert!(place.accepts().await);
        drop(listener);
        assert!(!place.path.exists());
    }

    #[tokio::test]
    async fn socket_in_use_is_left_alone() {
        let place = Place::new();
        let _live = StdListener::bind(&place.path).unwrap();
        let error = place.bind().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error.to_string().contains("another process listens"),
            "{error}"
        );
        assert!(place.accepts().await);
    }

    #[tokio::test]
    async fn datagram_socket_is_left_alone() {
        let place = Place::new();
        let _live = std::os::unix::net::UnixDatagram::bind(&place.path).unwrap();
        assert_eq!(place.bind().await.unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(place.path.exists());
    }

    #[tokio::test]
    async fn file_that_is_not_a_socket_is_left_alone() {
        let place = Place::new();
        fs::write(&place.path, "precious").unwrap();
        let error = place.bind().await.unwrap_err();
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&place.path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn link_is_not_followed_to_a_socket() {
        let (place, elsewhere) = (Place::new(), Place::new());
        drop(StdListener::bind(&elsewhere.path).unwrap());
        symlink(&elsewhere.path, &place.path).unwrap();
        assert!(place.bind().await.is_err());
        assert!(elsewhere.path.exists());
    }

    #[tokio::test]
    async fn socket_has_its_permissions_before_it_accepts() {
        let place = Place::new();
        let access = SocketAccess {
            mode: 0o604,
            ..SocketAccess::default()
        };
        let (socket, file) = prepare(&place.path, access).unwrap();
        assert_eq!(mode(&place.path), 0o604);
        let refused = UnixStream::connect(&place.path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

        let _listener = socket.listen(1).unwrap();
        assert!(place.accepts().await);
        drop(file);
    }

    /// Names its own user and group where the test does not run as root.
    #[tokio::test]
    async fn socket_gets_its_owner_and_group() {
        let place = Place::new();
        let own = fs::metadata(place.path.parent().unwrap()).unwrap();
        let (owner, group) = if own.uid() == 0 {
            (54_321, 54_322)
        } else {
            (own.uid(), own.gid())
        };
        let access = SocketAccess {
            mode: 0o620,
            owner: Some(owner),
            group: Some(group),
        };
        let _listener = SocketListener::bind(&place.path, access).await.unwrap();
        let file = fs::metadata(&place.path).unwrap();
        assert_eq!(
            (file.uid(), file.gid(), mode(&place.path)),
            (owner, group, 0o620)
        );
    }

    #[tokio::test]
    async fn socket_of_a_successor_is_not_removed() {
        let place = Place::new();
        let old = place.bind().await.unwrap();
        fs::remove_file(&place.path).unwrap();
        let _new = place.bind().await.unwrap();
        drop(old);
        assert!(place.accepts().await);
    }

    #[tokio::test]
    async fn passed_socket_keeps_its_file() {
        let place = Place::new();
        let passed = SocketListener::passed(StdListener::bind(&place.path).unwrap()).unwrap();
        assert_eq!(passed.path(), place.path);
        drop(passed);
        assert!(place.path.exists());
    }
}
