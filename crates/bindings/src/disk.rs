//! The file below the database, which a full disk does not take away.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// A file whose writes wait in memory while there is no room for them.
///
/// redb answers nothing more after a failed write, reads neither. Here a write that finds no room is kept, with all that
/// come after it, in their order and with the points at which they have to be durable; what is read includes them.
/// [`Disk::flush`] catches up. The file meanwhile is as after a crash at the first of these writes: redb's last commit
/// is whole.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileBackend,
    waiting: Mutex<Waiting>,
    /// Whether anything waits, so that reads take no lock else.
    is_behind: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    steps: VecDeque<Step>,
    bytes: usize,
    /// Length of the file once all steps are done.
    length: u64,
    /// Whether a sync failed, after which nobody knows which writes before it are on the disk.
    is_broken: bool,
}

/// Why the file is not up to date.
#[derive(Debug)]
pub(crate) enum FlushFailed {
    NoRoom(io::Error),
    Broken(io::Error),
}

#[derive(Debug)]
enum Step {
    Write(u64, Vec<u8>),
    SetLength(u64),
    Sync,
}

/// Bytes that may wait: those of a few transactions, of which the next begins only when the last is on the disk. Beyond
/// it the disk's error is the database's.
const MOST_WAITING: usize = 16 * 1024 * 1024;

impl Disk {
    pub(crate) fn new(file: FileBackend) -> Self {
        Self(Arc::new(Inner { file, waiting: Mutex::default(), is_behind: AtomicBool::new(false) }))
    }

    /// Whether the file lacks writes.
    pub(crate) fn is_behind(&self) -> bool {
        self.0.is_behind.load(Acquire)
    }

    /// Brings the file up to date.
    ///
    /// # Errors
    /// [`FlushFailed::NoRoom`] where there still is none. After any other error the file has to be opened anew.
    pub(crate) fn flush(&self) -> Result<(), FlushFailed> {
        if !self.is_behind() {
            return Ok(());
        }
        let mut waiting = self.waiting();
        while let Some(step) = waiting.steps.front() {
            if waiting.is_broken {
                return Err(FlushFailed::Broken(io::Error::other("an earlier sync failed")));
            }
            match self.0.file.apply(step) {
                Ok(()) => {}
                Err(error) if step.can_wait(&error) => return Err(FlushFailed::NoRoom(error)),
                Err(error) => {
                    waiting.is_broken = true;
                    return Err(FlushFailed::Broken(error));
                }
            }
            waiting.bytes -= step.size();
            waiting.steps.pop_front();
        }
        self.0.is_behind.store(false, Release);
        Ok(())
    }

    fn step(&self, step: Step) -> io::Result<()> {
        let mut waiting = self.waiting();
        if waiting.steps.is_empty() {
            let length = self.0.file.len()?;
            match self.0.file.apply(&step) {
                Err(error) if step.can_wait(&error) => waiting.length = length,
                done => return done,
            }
        } else if waiting.bytes + step.size() > MOST_WAITING {
            return Err(ErrorKind::StorageFull.into());
        }
        match &step {
            Step::Write(offset, data) => waiting.length = waiting.length.max(offset + data.len() as u64),
            Step::SetLength(length) => waiting.length = *length,
            Step::Sync => {}
        }
        waiting.bytes += step.size();
        waiting.steps.push_back(step);
        self.0.is_behind.store(true, Release);
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

trait Apply {
    fn apply(&self, step: &Step) -> io::Result<()>;
}

impl Apply for FileBackend {
    fn apply(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::Write(offset, data) => self.write(*offset, data),
            Step::SetLength(length) => self.set_len(*length),
            Step::Sync => self.sync_data(),
        }
    }
}

impl Step {
    /// Whether it may be done later. A sync is not: what failed in it is lost, and the next one would not say so.
    fn can_wait(&self, error: &io::Error) -> bool {
        match self {
            Self::Write(..) | Self::SetLength(_) => {
                use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
                matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            }
            Self::Sync => false,
        }
    }

    fn size(&self) -> usize {
        let data = match self {
            Self::Write(_, data) => data.len(),
            Self::SetLength(_) | Self::Sync => 0,
        };
        data + size_of::<Self>()
    }

    /// Does to a part of the file, which begins at `from`, what the step does to the file.
    fn apply_to(&self, part: &mut [u8], from: u64) {
        let place = |offset: u64| usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX);
        match self {
            Self::Write(offset, data) => {
                let skipped = usize::try_from(from.saturating_sub(*offset)).unwrap_or(usize::MAX);
                let from_data = data.get(skipped..).unwrap_or_default();
                let to_part = part.get_mut(place(*offset)..).unwrap_or_default();
                to_part.iter_mut().zip(from_data).for_each(|(to, from)| *to = *from);
            }
            Self::SetLength(length) => part.get_mut(place(*length)..).unwrap_or_default().fill(0),
            Self::Sync => {}
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let waiting = self.waiting();
        if waiting.steps.is_empty() { self.0.file.len() } else { Ok(waiting.length) }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if !self.is_behind() {
            return self.0.file.read(offset, out);
        }
        let waiting = self.waiting();
        let end = offset.saturating_add(out.len() as u64);
        if waiting.steps.is_empty() || end > waiting.length {
            return self.0.file.read(offset, out);
        }
        let on_disk = usize::try_from(self.0.file.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (there, beyond) = out.split_at_mut(on_disk.min(out.len()));
        self.0.file.read(offset, there)?;
        beyond.fill(0);
        waiting.steps.iter().for_each(|step| step.apply_to(out, offset));
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.step(Step::SetLength(length))
    }

    /// Where writes wait, it does so behind them: whoever needs it to be done calls [`Disk::flush`].
    fn sync_data(&self) -> io::Result<()> {
        self.step(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(Step::Write(offset, data.to_vec()))
    }

    fn close(&self) -> io::Result<()> {
        // What still finds no room was acknowledged to nobody.
        let _ = self.flush();
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
