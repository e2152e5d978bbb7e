use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`). A proxy opens one for
/// each of its clients when they come all at once: one too many waits for a second over TCP, and is refused
/// on a Unix socket.
pub(crate) const BACKLOG: u32 = 4096;

/// Who may connect to a Unix socket, told by its file: to connect takes the right to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketAccess {
    /// Its mode, at most `0o777`.
    pub mode: u32,
    /// The id of its owner, else that of this process.
    pub owner: Option<u32>,
    /// The id of its group, else that of this process or of the folder.
    pub group: Option<u32>,
}

impl Default for SocketAccess {
    fn default() -> Self {
        Self { mode: 0o660, owner: None, group: None }
    }
}

/// A Unix socket that is listened on.
#[derive(Debug)]
pub struct SocketListener {
    path: PathBuf,
    // Before the listener, since fields are dropped in their order: while we listen, no successor takes
    // the file for one that was left behind, and no other file gets its inode.
    _file: Option<SocketFile>,
    listener: UnixListener,
}

impl SocketListener {
    /// Binds. A file left by a process that is gone is taken over; one that is answered on is not, nor is
    /// one that is no socket.
    pub(crate) async fn bind(path: &Path, access: SocketAccess) -> io::Result<Self> {
        make_room(path).await?;
        let (socket, file) = prepare(path, access)?;
        let listener = socket.listen(BACKLOG)?;
        Ok(Self { path: path.to_owned(), _file: Some(file), listener })
    }

    /// One that another process bound for us. Its file is not ours to remove.
    pub(crate) fn passed(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let path = address.as_pathname().ok_or_else(|| io::Error::other("it has no path"))?.to_owned();
        listener.set_nonblocking(true)?;
        Ok(Self { path, _file: None, listener: UnixListener::from_std(listener)? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

/// Bound, with its rights in place. Until it listens, the system refuses every connection: at no moment may
/// anybody come in whom the final rights keep out.
fn prepare(path: &Path, access: SocketAccess) -> io::Result<(UnixSocket, SocketFile)> {
    let SocketAccess { mode, owner, group } = access;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile::at(path)?;
    if owner.is_some() || group.is_some() {
        chown(path, owner, group).map_err(|error| {
            let why = "only root gives a file away, and others only to a group of their own";
            io::Error::new(error.kind(), format!("cannot set its owner or group: {error} ({why})"))
        })?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok((socket, file))
}

async fn make_room(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        let why = "a file that is no socket is in its place: move it away, or choose another path";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(in_use("another process answers on it: stop that one, or choose another path")),
        Err(error) => Err(in_use(&format!("whether another process answers on it is not known: {error}"))),
    }
}

fn in_use(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, why)
}

/// The file of a Unix socket that we made. Removed when it is dropped, unless another one is in its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    made: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let made = identity(&fs::symlink_metadata(path)?);
        Ok(Self { path: path.to_owned(), made })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.made);
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
            Self { _folder: folder, path }
        }

        async fn bind(&self) -> io::Result<SocketListener> {
            SocketListener::bind(&self.path, SocketAccess::default()).await
        }

        async fn is_answered_on(&self) -> bool {
            UnixStream::connect(&self.path).await.is_ok()
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_taken_over() {
        let place = Place::new();
        drop(StdListener::bind(&place.path).unwrap());
        assert!(place.path.exists());

        let listener = place.bind().await.unwrap();
        assert!(place.is_answered_on().await);
        drop(listener);
        assert!(!place.path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_is_answered_on_is_left_alone() {
        let place = Place::new();
        let _live = StdListener::bind(&place.path).unwrap();
        let error = place.bind().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another process answers"), "{error}");
        assert!(place.is_answered_on().await);
    }

    #[tokio::test]
    async fn a_socket_of_another_kind_is_left_alone() {
        let place = Place::new();
        let _live = std::os::unix::net::UnixDatagram::bind(&place.path).unwrap();
        assert_eq!(place.bind().await.unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(place.path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let place = Place::new();
        fs::write(&place.path, "precious").unwrap();
        let error = place.bind().await.unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&place.path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_link_is_not_followed_to_a_socket() {
        let (place, elsewhere) = (Place::new(), Place::new());
        drop(StdListener::bind(&elsewhere.path).unwrap());
        symlink(&elsewhere.path, &place.path).unwrap();
        assert!(place.bind().await.is_err());
        assert!(elsewhere.path.exists());
    }

    #[tokio::test]
    async fn the_file_has_its_rights_before_anybody_can_connect() {
        let place = Place::new();
        let access = SocketAccess { mode: 0o604, ..SocketAccess::default() };
        let (socket, file) = prepare(&place.path, access).unwrap();
        assert_eq!(mode(&place.path), 0o604);
        let refused = UnixStream::connect(&place.path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

        let _listener = socket.listen(1).unwrap();
        assert!(place.is_answered_on().await);
        drop(file);
    }

    /// Whoever is not root may still name what is its own.
    #[tokio::test]
    async fn the_file_is_given_to_its_owner_and_group() {
        let place = Place::new();
        let own = fs::metadata(place.path.parent().unwrap()).unwrap();
        let (owner, group) = if own.uid() == 0 { (54_321, 54_322) } else { (own.uid(), own.gid()) };
        let access = SocketAccess { mode: 0o620, owner: Some(owner), group: Some(group) };
        let _listener = SocketListener::bind(&place.path, access).await.unwrap();
        let file = fs::metadata(&place.path).unwrap();
        assert_eq!((file.uid(), file.gid(), mode(&place.path)), (owner, group, 0o620));
    }

    #[tokio::test]
    async fn the_file_of_a_successor_is_not_removed() {
        let place = Place::new();
        let old = place.bind().await.unwrap();
        fs::remove_file(&place.path).unwrap();
        let _new = place.bind().await.unwrap();
        drop(old);
        assert!(place.is_answered_on().await);
    }

    #[tokio::test]
    async fn a_passed_socket_keeps_its_file() {
        let place = Place::new();
        let passed = SocketListener::passed(StdListener::bind(&place.path).unwrap()).unwrap();
        assert_eq!(passed.path(), place.path);
        drop(passed);
        assert!(place.path.exists());
    }
}
