use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use listenfd::ListenFd;
use socket2::SockRef;
use tokio::net::TcpListener;

use crate::listener::{ListenAddress, Listener};
use crate::socket::{SocketAccess, SocketListener};

/// First descriptor that the service manager passes (sd_listen_fds(3)).
const FIRST: usize = 3;

/// Socket activation: listeners that the service manager bound and passed to this process, each for
/// the configured address that it is bound to.
#[derive(Debug, Default)]
pub struct Activation(Vec<Listener>);

impl Activation {
    /// Takes the passed descriptors. Clears their environment variables: to be called before there
    /// is a second thread.
    ///
    /// # Errors
    /// A descriptor that is not a listening socket.
    pub fn take() -> io::Result<Self> {
        let mut descriptors = ListenFd::from_env();
        let listeners = (0..descriptors.len()).map(|index| {
            take_one(&mut descriptors, index).map_err(|error| {
                let descriptor = FIRST + index;
                let what = format!(
                    "descriptor {descriptor} passed by the service manager cannot be used: {error}"
                );
                io::Error::new(error.kind(), what)
            })
        });
        listeners.collect::<io::Result<_>>().map(Self)
    }

    /// Checks that each passed socket is a configured address. Clients of any other one would wait
    /// forever.
    ///
    /// # Errors
    /// A socket that is not configured, with the remedy.
    pub fn check(&self, configured: &[&ListenAddress]) -> io::Result<()> {
        for listener in &self.0 {
            let address = listener.address()?;
            if !configured.contains(&&address) {
                let what = format!(
                    "the service manager passed the socket {address}, which no listener uses: \
                        write \
                     \"{address}\" under [listen], or remove its ListenStream= from the .socket \
                     unit"
                );
                return Err(io::Error::new(ErrorKind::InvalidInput, what));
            }
        }
        Ok(())
    }

    /// Takes the passed listener of this address, if there is one.
    ///
    /// # Errors
    /// A socket file that permits more than the configured access.
    pub fn claim(
        &mut self,
        address: &ListenAddress,
        access: SocketAccess,
    ) -> io::Result<Option<Listener>> {
        let is_it = |listener: &Listener| listener.address().is_ok_and(|bound| bound == *address);
        let Some(index) = self.0.iter().position(is_it) else {
            return Ok(None);
        };
        let listener = self.0.swap_remove(index);
        if let Listener::Unix(socket) = &listener {
            check_mode(socket, access)?;
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
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "not a stream socket",
        ));
    };
    must_listen(&socket)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket).map(Listener::Tcp)
}

fn must_listen(socket: &impl AsFd) -> io::Result<()> {
    if SockRef::from(socket).is_listener()? {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        "not a listening socket (Accept=yes is not supported)",
    ))
}

/// Refuses a socket that permits more than configured: systemd's own default is mode 0666. A file
/// that cannot be seen is not compared.
fn check_mode(socket: &SocketListener, access: SocketAccess) -> io::Result<()> {
    let Ok(file) = fs::metadata(socket.path()) else {
        return Ok(());
    };
    let (mode, wanted) = (file.permissions().mode() & 0o777, access.mode);
    if mode & !wanted == 0 {
        return Ok(());
    }
    let what = format!(
        "the service manager gave it mode {mode:03o}, which permits more than the configured \
            {wanted:03o}: \
         write SocketMode=0{wanted:03o} in the .socket unit, or mode = \"{mode:03o}\" at the \
         listener"
    );
    Err(io::Error::new(ErrorKind::PermissionDenied, what))
}
