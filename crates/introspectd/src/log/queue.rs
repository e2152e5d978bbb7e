//! Bounded queue between the threads that log and the one that writes.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use introspectd_service::REFUSALS;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written, at most. Further ones are dropped and counted.
const MAX_LINES: usize = 4096;

/// Bytes that wait to be written, at most; as many again may be in the hands of the writing thread.
const MAX_BYTES: usize = 1024 * 1024;

/// Pause before a destination that does not block is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// Log lines on their way to standard error. Clones share one queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    waiting_lines: usize,
    /// Lines ever accepted, and those of them that were written or lost.
    accepted: u64,
    finished: u64,
    /// Lines lost since the last report.
    dropped: u64,
    is_writer_idle: bool,
}

/// Part of the queue that a line may use.
#[derive(Debug, Clone, Copy)]
enum Share {
    /// Lines that strangers cause leave half of the queue to all others.
    Half,
    Whole,
    /// The report of dropped lines: one for each batch that was written.
    Beyond,
}

/// Writer of one line.
pub(super) struct Line<'a> {
    queue: &'a Queue,
    share: Share,
}

impl Queue {
    /// Starts the thread that writes the lines to `out`, until the process ends.
    ///
    /// # Errors
    /// System errors.
    pub(super) fn write_to(&self, out: impl Write + Send + 'static) -> io::Result<()> {
        let queue = self.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || queue.write_all(out, report))?;
        Ok(())
    }

    /// Waits until the lines so far are written or lost, for at most `within`.
    pub(super) fn flush(&self, within: Duration) {
        let state = self.lock();
        let target = state.accepted;
        let waited = self
            .0
            .emptied
            .wait_timeout_while(state, within, |state| state.finished < target);
        drop(waited);
    }

    /// Queues a line that no subscriber has formatted.
    pub(super) fn push(&self, line: &[u8]) {
        self.push_within(line, Share::Whole);
    }

    fn push_within(&self, line: &[u8], share: Share) {
        let mut state = self.lock();
        if !state.has_room(line.len(), share) {
            state.dropped = state.dropped.saturating_add(1);
            return;
        }
        state.waiting.extend_from_slice(line);
        state.waiting_lines += 1;
        state.accepted += 1;
        if std::mem::take(&mut state.is_writer_idle) {
            self.0.filled.notify_one();
        }
    }

    fn write_all(&self, mut out: impl Write, report: impl Fn(u64)) {
        let mut batch = Vec::new();
        let mut is_torn = false;
        loop {
            let lines = self.take(&mut batch);
            // The line that was cut off must not swallow the next one.
            let rest: &[u8] = if is_torn && !write(&mut out, b"\n").is_empty() {
                &batch
            } else {
                let rest = write(&mut out, &batch);
                let written = batch.len() - rest.len();
                is_torn = written > 0 && batch.get(written - 1) != Some(&b'\n');
                rest
            };
            let dropped = self.count_dropped(rest);
            if dropped > 0 && rest.is_empty() {
                report(dropped);
            }
            self.lock().finished += lines;
            self.0.emptied.notify_all();
        }
    }

    /// Exchanges an empty `batch` for the lines that wait, as soon as there are any, and returns
    /// how many they are.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        batch.clear();
        let mut state = self.lock();
        while state.waiting.is_empty() {
            state.is_writer_idle = true;
            state = self
                .0
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(batch, &mut state.waiting);
        std::mem::take(&mut state.waiting_lines)
            .try_into()
            .unwrap_or(u64::MAX)
    }

    /// Adds the lines that could not be written. Where all were, returns and resets the number of
    /// dropped ones.
    fn count_dropped(&self, unwritten: &[u8]) -> u64 {
        let mut state = self.lock();
        if unwritten.is_empty() {
            return std::mem::take(&mut state.dropped);
        }
        let lines = unwritten.iter().filter(|byte| **byte == b'\n').count();
        state.dropped = state
            .dropped
            .saturating_add(lines.try_into().unwrap_or(u64::MAX));
        state.dropped
    }

    /// Held only while lines are copied or swapped.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, bytes: usize, share: Share) -> bool {
        let (max_lines, max_bytes) = match share {
            Share::Half => (MAX_LINES / 2, MAX_BYTES / 2),
            Share::Whole => (MAX_LINES, MAX_BYTES),
            Share::Beyond => return true,
        };
        self.waiting_lines < max_lines && self.waiting.len() + bytes <= max_bytes
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: self,
            share: Share::Whole,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        let share = match metadata.target() {
            REFUSALS => Share::Half,
            REPORT => Share::Beyond,
            _ => Share::Whole,
        };
        Line { queue: self, share }
    }
}

impl Write for Line<'_> {
    /// Takes the whole line, or drops and counts it: a failed write would be reported on standard
    /// error, where nothing may wait.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push_within(line, self.share);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const REPORT: &str = "introspectd::log";

/// An error, so that it is seen whatever the level.
fn report(dropped: u64) {
    tracing::error!(
        target: REPORT,
        dropped,
        "log lines dropped; standard error was not read in time"
    );
}

/// Writes as much as `out` takes, and returns the rest.
fn write<'a>(out: &mut impl Write, mut bytes: &'a [u8]) -> &'a [u8] {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => break,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Whoever shares the destination with this process may have made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => break,
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, PipeReader, Read, pipe};
    use std::sync::mpsc;

    /// A queue that writes to a pipe, and what it reports.
    fn start() -> (Queue, BufReader<PipeReader>, mpsc::Receiver<u64>) {
        let (reader, writer) = pipe().unwrap();
        let (queue, (send, reports)) = (Queue::default(), mpsc::channel());
        let writing = queue.clone();
        thread::spawn(move || writing.write_all(writer, |dropped| send.send(dropped).unwrap()));
        (queue, BufReader::new(reader), reports)
    }

    fn dropped(queue: &Queue) -> u64 {
        queue.lock().dropped
    }

    const SOON: Duration = Duration::from_secs(30);

    #[test]
    fn stalled_reader_blocks_no_line_and_learns_how_many_were_dropped() {
        let (queue, mut reader, reports) = start();
        let line = format!("{:99}\n", "");
        let count = 100_000;
        for _ in 0..count {
            queue.push(line.as_bytes());
        }
        let lost = dropped(&queue);
        assert!(
            lost > 0
                && queue.lock().waiting.len() <= MAX_BYTES
                && queue.lock().waiting_lines <= MAX_LINES
        );
        for _ in 0..count - lost {
            let mut read = String::new();
            reader.read_line(&mut read).unwrap();
            assert_eq!(read, line);
        }
        assert_eq!(reports.recv_timeout(SOON), Ok(lost));
        queue.push(b"next\n");
        queue.flush(SOON);
        assert!(reports.try_recv().is_err(), "reported once");
    }

    #[test]
    fn lines_of_strangers_leave_half_of_the_queue() {
        let queue = Queue::default();
        for _ in 0..MAX_LINES {
            queue.push_within(b"stranger\n", Share::Half);
        }
        assert_eq!(dropped(&queue), u64::try_from(MAX_LINES / 2).unwrap());
        for _ in 0..MAX_LINES / 2 {
            queue.push_within(b"operator\n", Share::Whole);
        }
        assert_eq!(dropped(&queue), u64::try_from(MAX_LINES / 2).unwrap());
        queue.push_within(b"operator\n", Share::Whole);
        assert_eq!(dropped(&queue), u64::try_from(MAX_LINES / 2 + 1).unwrap());
    }

    #[test]
    fn flush_waits_for_the_writer_and_no_longer_than_it_may() {
        let (queue, mut reader, _reports) = start();
        queue.push(b"one\n");
        queue.flush(SOON);
        let mut read = [0; 4];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"one\n");
        // Nothing writes: the flush ends by its deadline alone.
        let stalled = Queue::default();
        stalled.push(b"one\n");
        stalled.flush(Duration::from_millis(1));
    }

    /// Takes a few bytes at a time, then fails once, then takes all.
    struct Failing {
        taken: mpsc::Sender<Vec<u8>>,
        calls: usize,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            let taken = match self.calls {
                1 => bytes.get(..3).unwrap_or(bytes),
                2 => return Err(io::ErrorKind::StorageFull.into()),
                3 => return Err(io::ErrorKind::WouldBlock.into()),
                _ => bytes,
            };
            self.taken.send(taken.to_vec()).unwrap();
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn line_that_was_cut_off_is_counted_and_swallows_none() {
        let (queue, (send, taken), (report, reports)) =
            (Queue::default(), mpsc::channel(), mpsc::channel());
        queue.push(b"first\nsecond\n");
        let writing = queue.clone();
        let out = Failing {
            taken: send,
            calls: 0,
        };
        thread::spawn(move || writing.write_all(out, |dropped| report.send(dropped).unwrap()));
        queue.flush(SOON);
        queue.push(b"third\n");
        let pieces: Vec<u8> = taken.iter().take(3).flatten().collect();
        assert_eq!(String::from_utf8(pieces).unwrap(), "fir\nthird\n");
        assert_eq!(reports.recv_timeout(SOON), Ok(2));
    }
}
