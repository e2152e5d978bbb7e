//! Audit log: an observer that writes a line for each security-relevant event.
//!
//! Where lines go, and the thread that writes them. Which events have a line is for `service` to
//! say ([`Headline::is_recorded`]).

mod event;
mod line;
mod sink;
mod writer;

use std::io;
use std::sync::Arc;

use introspectd_core::Timestamp;
use introspectd_core::text::rfc3339;
use introspectd_service::{Event, Headline, LeftOut, Observed, Observer};
use serde::Serialize;

pub use sink::Destination;
pub use writer::OnFailure;

use event::event_line;
use line::line;
use writer::Writer;

/// Audit log: a JSON object on a line for each security-relevant event, as `docs/audit.md`
/// describes. A token is never part of one, but its fingerprint.
#[derive(Debug, Clone)]
pub struct Audit {
    writer: Arc<Writer>,
}

impl Audit {
    /// Starts an audit log, with a thread that writes it.
    ///
    /// # Errors
    /// The system's, if the destination cannot be written.
    pub fn start(destination: Destination, on_failure: OnFailure) -> io::Result<Self> {
        Ok(Self {
            writer: Arc::new(Writer::start(destination, on_failure)?),
        })
    }

    /// Replaces the reaction to lines that cannot be written from now on.
    pub fn react(&self, on_failure: OnFailure) {
        self.writer.react(on_failure);
    }

    /// Resolves once a line was lost, if [`OnFailure::Exit`] has that end the process; else never.
    pub async fn failed(&self) {
        self.writer.failed().await;
    }

    /// Returns how many lines were written and lost so far.
    pub fn lines(&self) -> (u64, u64) {
        self.writer.lines()
    }

    /// Waits until all lines so far are written, for at most two seconds.
    pub async fn flush(&self) {
        self.writer.flush().await;
    }
}

impl Observer for Audit {
    fn wants(&self, headline: &Headline<'_>) -> bool {
        headline.is_recorded()
    }

    fn observe(&self, event: &Event<'_>) -> Observed {
        let line = event_line(event);
        if event.headline.is_awaited() {
            let writer = Arc::clone(&self.writer);
            return Observed::Pending(Box::pin(async move { writer.write_through(line).await }));
        }
        if event.headline.is_refusal() {
            self.writer.write_refusal(line);
        } else {
            self.writer.write(line);
        }
        Observed::Recorded
    }

    fn observe_left_out(&self, left_out: &LeftOut, time: Timestamp) {
        self.writer.write(left_out_line(left_out, time));
    }
}

/// Line about refusals without lines; `docs/audit.md` describes it.
#[derive(Serialize)]
struct LeftOutLine<'a> {
    time: String,
    event: &'static str,
    count: u64,
    outcomes: &'a LeftOut,
}

fn left_out_line(left_out: &LeftOut, time: Timestamp) -> Vec<u8> {
    let (time, count) = (rfc3339(time), left_out.total());
    line(&LeftOutLine {
        time,
        event: "refusals_left_out",
        count,
        outcomes: left_out,
    })
}
