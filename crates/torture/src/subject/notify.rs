//! The service manager's end of systemd's notification protocol.

use std::io;
use std::path::Path;

use tokio::net::UnixDatagram;

/// Socket at which the process says what it does.
pub(crate) struct Notifications(UnixDatagram);

impl Notifications {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        UnixDatagram::bind(path).map(Self)
    }

    /// Drops what was said so far.
    pub(crate) fn clear(&self) {
        let mut message = [0; 512];
        while self.0.try_recv(&mut message).is_ok() {}
    }

    /// Waits until it says this.
    pub(crate) async fn next(&self, wanted: &str) {
        let mut message = [0; 512];
        loop {
            let Ok(length) = self.0.recv(&mut message).await else {
                continue;
            };
            let text = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
            if text.lines().any(|line| line == wanted) {
                return;
            }
        }
    }
}
