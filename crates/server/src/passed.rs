use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use listenfd::ListenFd;
use socket2::SockRef;
use tokio::net::TcpListener;

use crate::listener::{ListenAddress, Listener};
use crate::socket::{SocketAccess, SocketListener};

/// The first descriptor that is passed (sd_listen_fds(3)).
const FIRST: usize = 3;

/// Sockets that the service manager bound and passed to this process: socket activation, as of systemd.
/// Each stands for the configured address that it is bound to.
#[derive(Debug, Default)]
pub struct Passed(Vec<Listener>);

impl Passed {
    /// Takes them over. Clears the variables that tell of them: to be called before there is a second thread.
    ///
    /// # Errors
    /// One of them cannot be listened on.
    pub fn take() -> io::Result<Self> {
        let mut descriptors = ListenFd::from_env();
        let listeners = (0..descriptors.len()).map(|index| {
            take_one(&mut descriptors, index).map_err(|error| {
                let descriptor = FIRST + index;
                let what = format!("the socket passed as descriptor {descriptor} is of no use: {error}");
                io::Error::new(error.kind(), what)
            })
        });
        listeners.collect::<io::Result<_>>().map(Self)
    }

    /// Whether each of them is among the configured addresses. One that is not would be listened on by
    /// nobody, and whoever connects would wait for ever.
    ///
    /// # Errors
    /// One is not; says which, and what to do.
    pub fn check(&self, configured: &[&ListenAddress]) -> io::Result<()> {
        for listener in &self.0 {
            let address = listener.address()?;
            if !configured.contains(&&address) {
                let what = format!(
                    "the service manager passed the socket {address}, which no listener names: write \
                     \"{address}\" under [listen], or take its ListenStream= out of the .socket unit"
                );
                return Err(io::Error::new(ErrorKind::InvalidInput, what));
            }
        }
        Ok(())
    }

    /// The one that is bound to this address.
    ///
    /// # Errors
    /// Its file lets in more than the configured access does.
    pub fn claim(&mut self, address: &ListenAddress, access: SocketAccess) -> io::Result<Option<Listener>> {
        let is_it = |listener: &Listener| listener.address().is_ok_and(|bound| bound == *address);
        let Some(index) = self.0.iter().position(is_it) else { return Ok(None) };
        let listener = self.0.swap_remove(index);
        if let Listener::Unix(socket) = &listener {
            keep_out(socket, access)?;
        }
        Ok(Some(listener))
    }
}

fn take_one(descriptors: &mut ListenFd, index: usize) -> io::Result<Listener> {
    if let Ok(Some(socket)) = descriptors.take_unix_listener(index) {
        must_listen(&socket)?;
        return SocketListener::passed(socket).map(Listener::Unix);
    }
    let Ok(Some(socket)) = descriptors.take_tcp_listener(index) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no stream socket"));
    };
    must_listen(&socket)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket).map(Listener::Tcp)
}

fn must_listen(socket: &impl AsFd) -> io::Result<()> {
    if SockRef::from(socket).is_listener()? {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "nobody listens on it (Accept=yes is not supported)"))
}

/// systemd's own default is a socket for everybody. Where its file cannot be seen, there is nothing to compare.
fn keep_out(socket: &SocketListener, access: SocketAccess) -> io::Result<()> {
    let Ok(file) = fs::metadata(socket.path()) else { return Ok(()) };
    let (mode, wanted) = (file.permissions().mode() & 0o777, access.mode);
    if mode & !wanted == 0 {
        return Ok(());
    }
    let what = format!(
        "the service manager gave it mode {mode:03o}, which lets in more than the configured {wanted:03o}: \
         write SocketMode=0{wanted:03o} in the .socket unit, or mode = \"{mode:03o}\" at the listener"
    );
    Err(io::Error::new(ErrorKind::PermissionDenied, what))
}
