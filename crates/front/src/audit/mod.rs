//! Log lines and audit log of the decisions that matter.

mod event;
mod fingerprint;
mod limit;
mod line;
mod request_id;
mod sink;
mod telling;
mod trace;
mod writer;

use std::io;

use introspectd_core::Timestamp;

pub(crate) use event::{Call, Note, Outcome};
pub(crate) use fingerprint::Fingerprint;
pub use fingerprint::Fingerprints;
pub use sink::Destination;
pub(crate) use telling::{Asked, Told};
pub use trace::REFUSALS;
pub use writer::OnFailure;

use limit::Limit;
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

    /// Resolves once a line was lost, where [`OnFailure::Exit`] has that end the process; else never.
    pub async fn failed(&self) {
        match &self.writer {
            Some(writer) => writer.failed().given().await,
            None => std::future::pending().await,
        }
    }

    /// Begins another second of the limit on refusals, which is to be called once a second. Where some of the last
    /// one had no lines, one line in the log and one in the audit log say how many.
    pub(crate) fn begin_second(&self, now: Timestamp) {
        let Some(left_out) = self.limit.begin_second() else { return };
        trace::left_out(&left_out);
        if let Some(writer) = &self.writer {
            writer.write(left_out.line(now));
        }
    }

    /// Waits until all lines so far are written, for at most two seconds.
    pub async fn flush(&self) {
        if let Some(writer) = &self.writer {
            writer.flush().await;
        }
    }
}
