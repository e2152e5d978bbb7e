use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::sink::{Destination, Sink};
use crate::server::Stop;

/// What a line that cannot be written means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It is told in the log, and lost.
    #[default]
    Log,
    /// The process is to end, too: better no decision than one that nobody can audit.
    Exit,
}

/// Hands lines to a thread that writes them: a slow disk holds no request up.
#[derive(Debug)]
pub(super) struct Writer {
    lines: mpsc::Sender<Line>,
    health: Arc<Health>,
    failed: Stop,
}

struct Line {
    /// Empty for one that only waits its turn.
    text: Vec<u8>,
    /// Told when it is written, or lost.
    over: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Health {
    /// Since lines were last written as they should be.
    lost: AtomicU64,
    on_failure: OnFailure,
    fail: watch::Sender<bool>,
}

/// Lines that wait to be written. One is 4 KiB at most.
const QUEUE: usize = 4096;

/// How long somebody waits for a line at most, while the disk takes none.
const PATIENCE: Duration = Duration::from_secs(5);

impl Writer {
    pub(super) fn start(destination: Destination, on_failure: OnFailure) -> io::Result<Self> {
        let sink = Sink::open(destination)?;
        let (lines, queue) = mpsc::channel(QUEUE);
        let (fail, failed) = Stop::new();
        let health = Arc::new(Health { lost: AtomicU64::new(0), on_failure, fail });
        let noted = Arc::clone(&health);
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(queue, sink, &noted))?;
        Ok(Self { lines, health, failed })
    }

    /// Has a line written, soon.
    pub(super) fn write(&self, text: Vec<u8>) {
        self.hand_over(Line { text, over: None });
    }

    /// The same, and waits until that is done, or has failed, or takes too long.
    pub(super) async fn write_through(&self, text: Vec<u8>) {
        let (over, is_over) = oneshot::channel();
        if !self.hand_over(Line { text, over: Some(over) }) {
            return;
        }
        if tokio::time::timeout(PATIENCE, is_over).await.is_err() {
            tracing::error!("the audit log takes no lines: an answer goes out before its line is written");
        }
    }

    /// Waits until all lines so far are written, or lost, or that takes too long.
    pub(super) async fn flush(&self) {
        let (over, is_over) = oneshot::channel();
        let waits = async {
            let _ = self.lines.send(Line { text: Vec::new(), over: Some(over) }).await;
            let _ = is_over.await;
        };
        if tokio::time::timeout(PATIENCE, waits).await.is_err() {
            tracing::error!("the audit log takes no lines: the last ones may be missing");
        }
        let lost = self.health.lost.load(Relaxed);
        if lost > 0 {
            tracing::error!(lost, "the audit log lacks lines");
        }
    }

    /// Resolves once a line was lost, if that is to end the process.
    pub(super) fn failed(&self) -> Stop {
        self.failed.clone()
    }

    fn hand_over(&self, line: Line) -> bool {
        let handed_over = self.lines.try_send(line).is_ok();
        if !handed_over {
            self.health.lose(&"the disk is too slow for them");
        }
        handed_over
    }
}

fn write_all(mut lines: mpsc::Receiver<Line>, mut sink: Sink, health: &Health) {
    while let Some(Line { text, over }) = lines.blocking_recv() {
        if !text.is_empty() {
            match sink.write(&text) {
                // Not for one among many that are lost: the log would be full of it.
                Ok(()) if lines.is_empty() => health.recover(),
                Ok(()) => {}
                Err(error) => health.lose(&error),
            }
        }
        if let Some(over) = over {
            let _ = over.send(());
        }
    }
}

impl Health {
    fn lose(&self, why: &dyn Display) {
        if self.lost.fetch_add(1, Relaxed) == 0 {
            tracing::error!(%why, "cannot write the audit log: lines are lost");
        }
        match self.on_failure {
            OnFailure::Log => {}
            OnFailure::Exit => drop(self.fail.send_replace(true)),
        }
    }

    fn recover(&self) {
        let lost = self.lost.swap(0, Relaxed);
        if lost > 0 {
            tracing::error!(lost, "the audit log is written again, and lacks lines");
        }
    }
}
