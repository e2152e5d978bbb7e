//! What is told of the decisions that matter: to the log, and, where one is configured, to an audit log.

mod event;
mod fingerprint;
mod line;
mod request_id;
mod sink;
mod telling;
mod trace;
mod writer;

use std::io;

pub(crate) use event::{Call, Note, Outcome};
pub(crate) use fingerprint::Fingerprint;
pub use fingerprint::Fingerprints;
pub use sink::Destination;
pub(crate) use telling::{Asked, Told};
pub(crate) use trace::refused;
pub use writer::OnFailure;

use writer::Writer;

/// The audit log: a JSON object on a line for each decision that matters. What it holds and what not, `docs/audit.md`
/// says. A token never stands there, but its fingerprint.
#[derive(Debug)]
pub struct Audit {
    fingerprints: Fingerprints,
    /// `None` where there is no audit log.
    writer: Option<Writer>,
}

impl Audit {
    /// No audit log; fingerprints are made all the same, for answers that tell them.
    pub fn off(fingerprints: Fingerprints) -> Self {
        Self { fingerprints, writer: None }
    }

    /// Starts one, with a thread that writes it.
    ///
    /// # Errors
    /// Where the destination cannot be written, as the system says.
    pub fn start(
        destination: Destination,
        on_failure: OnFailure,
        fingerprints: Fingerprints,
    ) -> io::Result<Self> {
        Ok(Self { fingerprints, writer: Some(Writer::start(destination, on_failure)?) })
    }

    /// Resolves once a line was lost, where [`OnFailure::Exit`] has that end the process; else never.
    pub async fn failed(&self) {
        match &self.writer {
            Some(writer) => writer.failed().given().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until all lines so far are written, for five seconds at most.
    pub async fn flush(&self) {
        if let Some(writer) = &self.writer {
            writer.flush().await;
        }
    }
}
