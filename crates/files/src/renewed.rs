use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

/// Value made of files, made again when they change. While changed files are invalid, the former
/// value holds.
pub struct Renewed<T> {
    /// Name in the log.
    what: &'static str,
    files: Vec<PathBuf>,
    make: Make<T>,
    current: ArcSwap<Made<T>>,
}

type Make<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

struct Made<T> {
    /// Stamp of the files that were read last, valid or not.
    stamp: Stamp,
    value: Arc<T>,
}

/// Time, length and inode of each file, by which a change is known.
type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

impl<T> Renewed<T> {
    /// Takes a value that was just made of these files. Anything but a regular file, such as a
    /// pipe, is read once.
    pub fn new(
        what: &'static str,
        value: T,
        files: impl IntoIterator<Item = PathBuf>,
        make: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        let files: Vec<_> = files.into_iter().filter(|file| file.is_file()).collect();
        let made = Made {
            stamp: stamp(&files),
            value: Arc::new(value),
        };
        Self {
            what,
            files,
            make: Box::new(make),
            current: ArcSwap::from_pointee(made),
        }
    }

    /// Takes a value that no file changes.
    pub fn fixed(value: T) -> Self {
        Self::new("", value, [], || Err(String::new()))
    }

    /// Looks at the files and returns the value that holds.
    pub fn get(&self) -> Arc<T> {
        let current = self.current.load();
        // Taken before the files are read: what is written meanwhile is seen the next time.
        let stamp = stamp(&self.files);
        if stamp == current.stamp {
            return Arc::clone(&current.value);
        }
        let (what, files) = (self.what, &self.files);
        let value = match (self.make)() {
            Ok(value) => {
                tracing::info!(what, ?files, "files changed; using the new ones");
                Arc::new(value)
            }
            Err(problem) => {
                tracing::warn!(
                    what,
                    ?files,
                    problem,
                    "files changed but are invalid; keeping the previous ones"
                );
                Arc::clone(&current.value)
            }
        };
        self.current.store(Arc::new(Made {
            stamp,
            value: Arc::clone(&value),
        }));
        value
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    files.iter().map(|file| stamp_of(file)).collect()
}

fn stamp_of(file: &Path) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = file.metadata().ok()?;
    Some((file.modified().ok()?, file.len(), file.ino()))
}

impl<T> fmt::Debug for Renewed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Renewed").field(&self.files).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_holds_and_one_that_is_no_good_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        std::fs::write(&file, "1").unwrap();
        let path = file.clone();
        let read = move || {
            std::fs::read_to_string(&path)
                .unwrap()
                .parse()
                .map_err(|_| "no number".to_owned())
        };
        let renewed: Renewed<u64> = Renewed::new("a number", 1, [file.clone()], read);
        assert_eq!(*renewed.get(), 1);
        std::fs::write(&file, "two").unwrap();
        assert_eq!(*renewed.get(), 1);
        std::fs::write(&file, "22").unwrap();
        assert_eq!(*renewed.get(), 22);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "333").unwrap();
        assert_eq!(*renewed.get(), 333);
        assert_eq!(*Renewed::fixed(4).get(), 4);
    }
}
