use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
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

const DISK_IS_SLOW: &str = "the disk is too slow for them";
const WRITER_IS_GONE: &str = "nothing writes them any more";

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

    /// The same, and waits until that is done, or has failed, or takes too long. Where strangers' lines have filled the
    /// queue, it waits for its place there.
    pub(super) async fn write_through(&self, text: Vec<u8>) {
        let (over, is_over) = oneshot::channel();
        match self.lines.try_send(Line { text, over: Some(over) }) {
            Ok(()) => {}
            Err(TrySendError::Full(line)) => self.hand_over_in_turn(line),
            Err(TrySendError::Closed(_)) => return self.health.lose(&WRITER_IS_GONE),
        }
        if tokio::time::timeout(PATIENCE, is_over).await.is_err() {
            tracing::error!("the audit log takes no lines: an answer goes out before its line is written");
            self.health.fail();
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

    fn hand_over(&self, line: Line) {
        match self.lines.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.health.lose(&DISK_IS_SLOW),
            Err(TrySendError::Closed(_)) => self.health.lose(&WRITER_IS_GONE),
        }
    }

    /// As a task of its own: whoever asked may go away, and its line must not go with it.
    fn hand_over_in_turn(&self, line: Line) {
        let (lines, health) = (self.lines.clone(), Arc::clone(&self.health));
        tokio::spawn(async move {
            if !matches!(tokio::time::timeout(PATIENCE, lines.send(line)).await, Ok(Ok(()))) {
                health.lose(&DISK_IS_SLOW);
            }
        });
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
        self.fail();
    }

    fn fail(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What would be written, and nobody writes.
    fn writer(on_failure: OnFailure) -> (Writer, mpsc::Receiver<Line>) {
        let (lines, queue) = mpsc::channel(QUEUE);
        let (fail, failed) = Stop::new();
        let health = Arc::new(Health { lost: AtomicU64::new(0), on_failure, fail });
        (Writer { lines, health, failed }, queue)
    }

    fn filled(on_failure: OnFailure) -> (Writer, mpsc::Receiver<Line>) {
        let (writer, queue) = writer(on_failure);
        (0..QUEUE).for_each(|_| writer.write(b"stranger".to_vec()));
        (writer, queue)
    }

    #[tokio::test]
    async fn an_operators_line_waits_for_room_among_those_of_strangers() {
        let (writer, mut queue) = filled(OnFailure::Log);
        let drain = async {
            let mut operators = 0;
            for _ in 0..=QUEUE {
                let line = queue.recv().await.unwrap();
                operators += usize::from(line.text == b"operator");
            }
            operators
        };
        let ((), operators) = tokio::join!(writer.write_through(b"operator".to_vec()), drain);
        assert_eq!((operators, writer.health.lost.load(Relaxed)), (1, 0));
    }

    #[tokio::test]
    async fn an_operators_line_waits_on_when_the_operator_goes_away() {
        let (writer, mut queue) = filled(OnFailure::Log);
        let gone = tokio::time::timeout(Duration::ZERO, writer.write_through(b"operator".to_vec()));
        assert!(gone.await.is_err());
        let mut last = Vec::new();
        for _ in 0..=QUEUE {
            last = queue.recv().await.unwrap().text;
        }
        assert_eq!(last, b"operator");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_finds_no_room_in_time_is_lost() {
        let (writer, _queue) = filled(OnFailure::Log);
        writer.write_through(b"operator".to_vec()).await;
        tokio::task::yield_now().await;
        writer.write(b"stranger".to_vec());
        assert_eq!(writer.health.lost.load(Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_its_line_ends_the_process_where_a_lost_line_would() {
        for (on_failure, ends) in [(OnFailure::Exit, true), (OnFailure::Log, false)] {
            let (writer, _queue) = writer(on_failure);
            writer.write_through(b"operator".to_vec()).await;
            let given = tokio::time::timeout(Duration::from_secs(1), writer.failed().given()).await;
            assert_eq!(given.is_ok(), ends, "{on_failure:?}");
        }
    }
}
