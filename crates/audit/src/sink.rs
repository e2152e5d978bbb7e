use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Destination of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// The end of this file, which is made if there is none, for its owner alone to read.
    File(PathBuf),
}

/// An open destination. A line is handed to the system at once, in one piece where it takes it so;
/// nothing here waits until a disk has it.
pub(crate) struct Sink {
    destination: Destination,
    file: File,
    /// The last line has come to lie there in part.
    is_torn: bool,
}

impl Sink {
    pub(crate) fn open(destination: Destination) -> io::Result<Self> {
        let file = match &destination {
            // Not by way of `io::stdout`, which keeps what it could not write, and takes a closed
            // one for a good one.
            Destination::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            Destination::File(path) => append_to(path)?,
        };
        Ok(Self {
            destination,
            file,
            is_torn: false,
        })
    }

    /// Writes a line that ends in a line break.
    ///
    /// # Errors
    /// As the system says. A part of the line may lie there; the next one does not join it.
    pub(crate) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.follow()?;
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Whoever shares standard output with this process may have made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(RETRY);
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.is_torn = !rest.is_empty();
        }
        Ok(())
    }

    /// Reopens a file that was renamed, as log rotation does: lines go to the one that has the
    /// name. One that is emptied in place needs nothing, since lines are appended.
    fn follow(&mut self) -> io::Result<()> {
        let Destination::File(path) = &self.destination else {
            return Ok(());
        };
        let ours = self.file.metadata()?;
        let is_ours = std::fs::metadata(path)
            .is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
        if !is_ours {
            (self.file, self.is_torn) = (append_to(path)?, false);
        }
        Ok(())
    }
}

/// Pause before a destination that does not block is tried again.
const RETRY: Duration = Duration::from_millis(10);

const NO_READER: &str =
    "it is a named pipe without a reader. Start the reader first, or name a regular file";

/// Does not wait for the reader of a named pipe to open it, as an ordinary open would: the start,
/// or the thread that follows a rotated file, would hang.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = options
        .custom_flags(nonblocking)
        .open(path)
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NXIO) => io::Error::new(error.kind(), NO_READER),
            Some(_) | None => error,
        })?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn open(path: &Path) -> Sink {
        Sink::open(Destination::File(path.to_owned())).unwrap()
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_one_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        open(&path).write(b"one\n").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        open(&path).write(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }

    #[test]
    fn a_renamed_or_removed_file_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (
            folder.path().join("audit.log"),
            folder.path().join("audit.log.1"),
        );
        let mut sink = open(&path);
        sink.write(b"one\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        sink.write(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        fs::remove_file(&path).unwrap();
        sink.write(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_is_emptied_in_place_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut sink = open(&path);
        sink.write(b"one\n").unwrap();
        File::options()
            .write(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        sink.write(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn named_pipe_is_refused_without_a_reader_and_written_with_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.pipe");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &path,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
        let refused = Sink::open(Destination::File(path.clone())).err().unwrap();
        assert!(
            refused.to_string().contains("without a reader"),
            "{refused}"
        );
        // Opened for both, so that the test does not wait for the writer either.
        let mut reader = File::options().read(true).write(true).open(&path).unwrap();
        let mut sink = open(&path);
        sink.write(b"one\n").unwrap();
        assert!(
            !fcntl_getfl(&sink.file).unwrap().contains(OFlags::NONBLOCK),
            "a full pipe is waited for"
        );
        let mut line = [0; 4];
        io::Read::read_exact(&mut reader, &mut line).unwrap();
        assert_eq!(&line, b"one\n");
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        assert!(open(Path::new("/dev/full")).write(b"one\n").is_err());
        let nowhere = Destination::File("/nowhere/audit.log".into());
        assert!(Sink::open(nowhere).is_err());
    }
}
