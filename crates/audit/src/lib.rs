//! Audit log: where lines go, the thread that writes them, the limit on refusals, and fingerprints of tokens.
//!
//! Which decisions have a line, and what it says, is for whoever makes them.

mod fingerprint;
mod limit;
mod line;
mod sink;
mod writer;

use std::io;

use introspectd_core::Timestamp;

pub use fingerprint::{Fingerprint, Fingerprints};
pub use line::{brief, line, rfc3339};
pub use sink::Destination;
pub use writer::OnFailure;

use limit::{LeftOut, Limit};
use writer::Writer;

/// The audit log: a JSON object on a line for each decision that matters. What it holds and what not, `docs/audit.md`
/// says. A token never stands there, but its fingerprint.
#[derive(Debug)]
pub struct Audit {
    fingerprints: Fingerprints,
    limit: Limit,
    /// `None` where there is no audit log.
    writer: Option<Writer>,
}

impl Audit {
    /// No audit log; fingerprints are made all the same, for answers that tell them.
    pub fn off(fingerprints: Fingerprints) -> Self {
        Self { fingerprints, limit: Limit::default(), writer: None }
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
        let writer = Some(Writer::start(destination, on_failure)?);
        Ok(Self { fingerprints, limit: Limit::default(), writer })
    }

    /// Returns whether there is an audit log.
    pub fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Returns the maker of fingerprints.
    pub fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// Returns whether a refused request may have lines, in the log and here, and counts it if not. Does not block.
    pub fn admits(&self, is_stranger: bool, kind: &str) -> bool {
        self.limit.admits(is_stranger, kind)
    }

    /// Queues a line about a refusal, which loses to those of operators where the queue fills up.
    pub fn write_refusal(&self, line: Vec<u8>) {
        if let Some(writer) = &self.writer {
            writer.write_refusal(line);
        }
    }

    /// Queues a line.
    pub fn write(&self, line: Vec<u8>) {
        if let Some(writer) = &self.writer {
            writer.write(line);
        }
    }

    /// Queues a line, and waits until it is written, or has failed, or takes too long (5 s).
    pub async fn write_through(&self, line: Vec<u8>) {
        if let Some(writer) = &self.writer {
            writer.write_through(line).await;
        }
    }

    /// Resolves once a line was lost, where [`OnFailure::Exit`] has that end the process; else never.
    pub async fn failed(&self) {
        match &self.writer {
            Some(writer) => writer.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Begins another second of the limit on refusals, which is to be called once a second. Where some of the last
    /// one had no lines, one line in the log and one in the audit log say how many.
    pub fn begin_second(&self, now: Timestamp) {
        let Some(left_out) = self.limit.begin_second() else { return };
        log(&left_out);
        self.write(left_out.line(now));
    }

    /// Waits until all lines so far are written, for at most two seconds.
    pub async fn flush(&self) {
        if let Some(writer) = &self.writer {
            writer.flush().await;
        }
    }
}

/// Logs how many refusals of the last second had no lines.
fn log(left_out: &LeftOut) {
    let (count, outcomes) = (left_out.total(), tracing::field::display(left_out));
    tracing::warn!(count, outcomes, "too many refusals; further ones of this second have no lines");
}
