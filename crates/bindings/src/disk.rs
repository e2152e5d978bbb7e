//! Storage below the database that survives a full disk.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// File whose writes are queued in memory while the disk is full.
///
/// redb refuses everything after a failed write, reads included. Here a write to a full disk is
/// queued with all later ones, in order and with their sync points, and reads include the queue.
/// [`Disk::flush`] catches up. Meanwhile the file is as after a crash at the first queued write:
/// redb's last commit is whole.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileBackend,
    waiting: Mutex<Waiting>,
    /// Set while writes are queued; reads take the lock only then.
    is_behind: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    steps: VecDeque<Step>,
    bytes: usize,
    /// Length of the file after all steps.
    length: u64,
    /// Set after a failed sync, when earlier writes may or may not be on the disk.
    is_broken: bool,
}

/// Reason why the file is not up to date.
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

/// Limit of queued bytes, a few transactions: the next begins only once the last is on the disk.
/// Over the limit the disk's error becomes the database's.
const MAX_QUEUED: usize = 16 * 1024 * 1024;

impl Disk {
    pub(crate) fn new(file: FileBackend) -> Self {
        Self(Arc::new(Inner {
            file,
            waiting: Mutex::default(),
            is_behind: AtomicBool::new(false),
        }))
    }

    /// Returns true while writes are queued.
    pub(crate) fn is_behind(&self) -> bool {
        self.0.is_behind.load(Acquire)
    }

    /// Writes the queue to the file.
    ///
    /// # Errors
    /// [`FlushFailed::NoRoom`] while the disk is full. After any other error the file has to be
    /// reopened.
    pub(crate) fn flush(&self) -> Result<(), FlushFailed> {
        if !self.is_behind() {
            return Ok(());
        }
        let mut waiting = self.waiting();
        while let Some(step) = waiting.steps.front() {
            if waiting.is_broken {
                return Err(FlushFailed::Broken(io::Error::other(
                    "an earlier sync failed",
                )));
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
        } else if waiting.bytes + step.size() > MAX_QUEUED {
            return Err(ErrorKind::StorageFull.into());
        }
        match &step {
            Step::Write(offset, data) => {
                waiting.length = waiting.length.max(offset + data.len() as u64)
            }
            Step::SetLength(length) => waiting.length = *length,
            Step::Sync => {}
        }
        waiting.bytes += step.size();
        waiting.steps.push_back(step);
        self.0.is_behind.store(true, Release);
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
    /// Returns true if the step can be queued. A failed sync cannot: it loses writes, and the next
    /// one would not report that.
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

    /// Applies the step to a part of the file that begins at `from`.
    fn apply_to(&self, part: &mut [u8], from: u64) {
        let place =
            |offset: u64| usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX);
        match self {
            Self::Write(offset, data) => {
                let skipped = usize::try_from(from.saturating_sub(*offset)).unwrap_or(usize::MAX);
                let from_data = data.get(skipped..).unwrap_or_default();
                let to_part = part.get_mut(place(*offset)..).unwrap_or_default();
                to_part
                    .iter_mut()
                    .zip(from_data)
                    .for_each(|(to, from)| *to = *from);
            }
            Self::SetLength(length) => part.get_mut(place(*length)..).unwrap_or_default().fill(0),
            Self::Sync => {}
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let waiting = self.waiting();
        if waiting.steps.is_empty() {
            self.0.file.len()
        } else {
            Ok(waiting.length)
        }
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
        let on_disk =
            usize::try_from(self.0.file.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (there, beyond) = out.split_at_mut(on_disk.min(out.len()));
        self.0.file.read(offset, there)?;
        beyond.fill(0);
        waiting
            .steps
            .iter()
            .for_each(|step| step.apply_to(out, offset));
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.step(Step::SetLength(length))
    }

    /// Queued behind queued writes; [`Disk::flush`] performs it.
    fn sync_data(&self) -> io::Result<()> {
        self.step(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(Step::Write(offset, data.to_vec()))
    }

    fn close(&self) -> io::Result<()> {
        // Writes that still do not fit were never acknowledged.
        let _ = self.flush();
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
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
