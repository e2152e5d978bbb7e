//! Bounded reads of the files that configuration names.
//!
//! The read of any path (a named pipe, a device, a directory, a huge file) ends, uses no more
//! memory than its limit, and reports the problem. What is made of files may be [`Renewed`].

pub mod pem;
mod renewed;

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

pub use renewed::Renewed;

/// Most bytes of a configuration file, and of a PEM file.
pub const MAX_FILE: usize = 4 * 1024 * 1024;

/// Most bytes of a file that holds a secret.
pub const MAX_SECRET: usize = 64 * 1024;

/// Longest wait for the writer of a pipe, such as a shell's `<(command)`, while a process starts.
pub const START: Duration = Duration::from_secs(5);

/// Pause before a pipe without data is read again.
const POLL: Duration = Duration::from_millis(5);

/// Reads at most `limit` bytes, and waits at most `wait` for the writer of a pipe.
///
/// # Errors
/// Errors of the system; more than `limit` bytes; a pipe without a writer, or without an end in
/// time.
pub fn read(path: &Path, limit: usize, wait: Duration) -> io::Result<Vec<u8>> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    // An ordinary open of a named pipe waits for a writer.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
    let deadline = Instant::now() + wait;
    let mut content = Vec::new();
    let mut piece = [0; 8192];
    loop {
        match file.read(&mut piece) {
            Ok(0) if content.is_empty() && is_pipe(&file)? => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it is a pipe that nothing writes to",
                ));
            }
            Ok(0) => return Ok(content),
            Ok(count) if content.len() + count > limit => {
                let what = format!("it has more than {} KiB", limit / 1024);
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
            }
            Ok(count) => content.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline =>
            {
                thread::sleep(POLL);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let what = format!(
                    "it is a pipe, and its writer gave no end within {} s",
                    wait.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Reads text like [`read`].
///
/// # Errors
/// Those of [`read`], and content that is not UTF-8.
pub fn read_text(path: &Path, limit: usize, wait: Duration) -> io::Result<String> {
    let content = read(path, limit, wait)?;
    // Its own error would hold the content, which may be a secret.
    String::from_utf8(content)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn is_pipe(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.file_type().is_fifo())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;
    use tempfile::TempDir;

    const LIMIT: usize = 64 * 1024;

    fn pipe() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        (folder, path)
    }

    fn refusal(path: &Path) -> String {
        read(path, LIMIT, Duration::ZERO).unwrap_err().to_string()
    }

    #[test]
    fn file_is_read_whole_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (length, is_read) in [(0, true), (LIMIT, true), (LIMIT + 1, false)] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(
                read(&path, LIMIT, Duration::ZERO).is_ok_and(|it| it.len() == length),
                is_read
            );
        }
        assert_eq!(refusal(&path), "it has more than 64 KiB");
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(
            read_text(&path, LIMIT, START).unwrap_err().to_string(),
            "it is not UTF-8"
        );
    }

    #[test]
    fn reading_devices_and_pipes_ends_with_a_reason() {
        assert_eq!(refusal(Path::new("/dev/zero")), "it has more than 64 KiB");
        assert!(refusal(Path::new("/dev")).starts_with("Is a directory"));
        let (_folder, path) = pipe();
        assert_eq!(refusal(&path), "it is a pipe that nothing writes to");
        let _writer = File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(
            refusal(&path),
            "it is a pipe, and its writer gave no end within 0 s"
        );
        assert_eq!(
            read(Path::new("/dev/null"), LIMIT, Duration::ZERO).unwrap(),
            b""
        );
    }

    #[test]
    fn pipe_is_read_to_its_end() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"first ").unwrap();
        let writing = thread::spawn(move || writer.write_all(b"second"));
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(
            read_text(path.as_ref(), LIMIT, Duration::from_secs(30)).unwrap(),
            "first second"
        );
        writing.join().unwrap().unwrap();
    }
}
