use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::sink::{Destination, Sink};

/// Reaction to a line that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Logs the loss.
    #[default]
    Log,
    /// Ends the process, too: better no decision than one that cannot be audited.
    Exit,
}

/// Hands lines to a thread that writes them: a slow disk holds no request up.
#[derive(Debug)]
pub(crate) struct Writer {
    lines: mpsc::Sender<Line>,
    /// Places for lines that wait for room in the queue.
    waiting: Arc<Semaphore>,
    health: Arc<Health>,
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
    all_written: AtomicU64,
    all_lost: AtomicU64,
    /// Set for [`OnFailure::Exit`].
    exits: AtomicBool,
    fail: watch::Sender<bool>,
}

/// Lines that wait to be written. One is 4 KiB at most.
const QUEUE: usize = 4096;

/// Places of the queue that lines about refusals, which anybody can cause, leave to those of
/// operators.
const RESERVED: usize = QUEUE / 2;

/// Lines of operators that wait for room in the queue.
const MAX_WAITING: usize = 1024;

/// Longest wait of an operator for a line, while the destination takes none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for the lines in the queue when the process ends.
const FLUSH: Duration = Duration::from_secs(2);

const QUEUE_IS_FULL: &str = "audit queue full";
const WRITER_IS_GONE: &str = "audit thread ended";

impl Writer {
    pub(crate) fn start(destination: Destination, on_failure: OnFailure) -> io::Result<Self> {
        let sink = Sink::open(destination)?;
        let (writer, queue) = Self::with_queue(on_failure);
        let health = Arc::clone(&writer.health);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(queue, sink, &health))?;
        Ok(writer)
    }

    fn with_queue(on_failure: OnFailure) -> (Self, mpsc::Receiver<Line>) {
        let (lines, queue) = mpsc::channel(QUEUE);
        let fail = watch::Sender::new(false);
        let health = Arc::new(Health {
            lost: AtomicU64::new(0),
            all_written: AtomicU64::new(0),
            all_lost: AtomicU64::new(0),
            exits: AtomicBool::new(on_failure == OnFailure::Exit),
            fail,
        });
        (
            Self {
                lines,
                waiting: Arc::new(Semaphore::new(MAX_WAITING)),
                health,
            },
            queue,
        )
    }

    /// Replaces the reaction to lines that cannot be written from now on.
    pub(crate) fn react(&self, on_failure: OnFailure) {
        let exits = on_failure == OnFailure::Exit;
        self.health.exits.store(exits, Relaxed);
    }

    /// Queues a line about a refusal, which loses to those of operators where the queue fills up.
    pub(crate) fn write_refusal(&self, text: Vec<u8>) {
        if self.lines.capacity() > RESERVED {
            self.write(text);
        } else {
            self.health.lose(&QUEUE_IS_FULL);
        }
    }

    /// Queues a line.
    pub(crate) fn write(&self, text: Vec<u8>) {
        self.hand_over(Line { text, over: None });
    }

    /// Queues a line, and waits until it is written, or has failed, or takes too long. Where the
    /// queue is full, it waits for a place there. Only the future waits, no thread.
    pub(crate) async fn write_through(&self, text: Vec<u8>) {
        let (over, is_over) = oneshot::channel();
        match self.lines.try_send(Line {
            text,
            over: Some(over),
        }) {
            Ok(()) => {}
            Err(TrySendError::Full(line)) => self.hand_over_in_turn(line),
            Err(TrySendError::Closed(_)) => return self.health.lose(&WRITER_IS_GONE),
        }
        if tokio::time::timeout(PATIENCE, is_over).await.is_err() {
            tracing::error!("audit write timed out; replying before the entry is written");
            self.health.fail();
        }
    }

    /// Waits until all lines so far are written or lost, for at most [`FLUSH`].
    pub(crate) async fn flush(&self) {
        let (over, is_over) = oneshot::channel();
        let waits = async {
            let _ = self
                .lines
                .send(Line {
                    text: Vec::new(),
                    over: Some(over),
                })
                .await;
            let _ = is_over.await;
        };
        if tokio::time::timeout(FLUSH, waits).await.is_err() {
            tracing::error!("audit flush timed out; the last entries may be missing");
        }
        let lost = self.health.lost.load(Relaxed);
        if lost > 0 {
            tracing::error!(lost, "audit entries were lost");
        }
    }

    /// Lines written and lost so far.
    pub(crate) fn lines(&self) -> (u64, u64) {
        let Health {
            all_written,
            all_lost,
            ..
        } = &*self.health;
        (all_written.load(Relaxed), all_lost.load(Relaxed))
    }

    /// Resolves once a line was lost, if that is to end the process.
    pub(crate) async fn failed(&self) {
        let _ = self
            .health
            .fail
            .subscribe()
            .wait_for(|failed| *failed)
            .await;
    }

    fn hand_over(&self, line: Line) {
        match self.lines.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.health.lose(&QUEUE_IS_FULL),
            Err(TrySendError::Closed(_)) => self.health.lose(&WRITER_IS_GONE),
        }
    }

    /// Waits in a task of its own: the operator may go away, and its line must not go with it.
    fn hand_over_in_turn(&self, line: Line) {
        let (lines, health) = (self.lines.clone(), Arc::clone(&self.health));
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return health.lose(&QUEUE_IS_FULL);
        };
        tokio::spawn(async move {
            if !matches!(
                tokio::time::timeout(PATIENCE, lines.send(line)).await,
                Ok(Ok(()))
            ) {
                health.lose(&QUEUE_IS_FULL);
            }
            drop(place);
        });
    }
}

fn write_all(mut lines: mpsc::Receiver<Line>, mut sink: Sink, health: &Health) {
    while let Some(Line { text, over }) = lines.blocking_recv() {
        if !text.is_empty() {
            match sink.write(&text) {
                Ok(()) => {
                    health.all_written.fetch_add(1, Relaxed);
                    // Not for one among many that are lost: the log would be full of it.
                    if lines.is_empty() {
                        health.recover();
                    }
                }
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
        self.all_lost.fetch_add(1, Relaxed);
        if self.lost.fetch_add(1, Relaxed) == 0 {
            tracing::error!(%why, "cannot write the audit log; entries are lost");
        }
        self.fail();
    }

    fn fail(&self) {
        if self.exits.load(Relaxed) {
            self.fail.send_replace(true);
        }
    }

    fn recover(&self) {
        let lost = self.lost.swap(0, Relaxed);
        if lost > 0 {
            tracing::error!(lost, "audit log writable again; entries were lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(on_failure: OnFailure) -> (Writer, mpsc::Receiver<Line>) {
        let (writer, queue) = Writer::with_queue(on_failure);
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
    async fn lines_about_refusals_leave_half_of_the_queue_to_operators() {
        let (writer, mut queue) = Writer::with_queue(OnFailure::Log);
        (0..QUEUE).for_each(|_| writer.write_refusal(b"stranger".to_vec()));
        assert_eq!(
            writer.health.lost.swap(0, Relaxed),
            u64::try_from(RESERVED).unwrap()
        );
        (0..RESERVED).for_each(|_| writer.write(b"operator".to_vec()));
        assert_eq!(writer.health.lost.load(Relaxed), 0);
        let mut operators = 0;
        while let Ok(line) = queue.try_recv() {
            operators += usize::from(line.text == b"operator");
        }
        assert_eq!(operators, RESERVED);
    }

    #[tokio::test(start_paused = true)]
    async fn operators_lines_that_wait_for_room_are_bounded() {
        let (writer, _queue) = filled(OnFailure::Log);
        for number in 0..MAX_WAITING + 3 {
            let gone =
                tokio::time::timeout(Duration::ZERO, writer.write_through(b"operator".to_vec()));
            assert_eq!(
                gone.await.is_err(),
                number < MAX_WAITING,
                "a line that is lost is not waited for"
            );
        }
        assert_eq!(writer.health.lost.load(Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn flush_gives_up_on_a_destination_that_takes_nothing() {
        let (writer, _queue) = filled(OnFailure::Log);
        let started = tokio::time::Instant::now();
        writer.flush().await;
        assert_eq!(started.elapsed(), FLUSH);
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
            let (writer, _queue) = Writer::with_queue(on_failure);
            writer.write_through(b"operator".to_vec()).await;
            let given = tokio::time::timeout(Duration::from_secs(1), writer.failed()).await;
            assert_eq!(given.is_ok(), ends, "{on_failure:?}");
        }
    }
}
