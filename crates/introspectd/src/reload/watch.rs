use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use introspectd_files::MAX_FILE;
use sha2::{Digest, Sha256};

/// Files that a configuration is made of, by their content: a time or an inode says nothing where a
/// directory is swapped behind a symbolic link, as Kubernetes does.
#[derive(Debug, Default)]
pub struct Watched {
    seen: BTreeMap<PathBuf, Content>,
}

/// Digest of a file's content; `None` if it cannot be read.
type Content = Option<[u8; 32]>;

impl Watched {
    /// Looks at files for the first time.
    pub fn new(files: BTreeSet<PathBuf>) -> Self {
        let mut watched = Self::default();
        watched.look_at(files, true);
        watched
    }

    /// Replaces the files by those that were read last, of which new ones are looked at now. Where
    /// these had problems, not all may be known, and those from before stay.
    pub(crate) fn look_at(&mut self, files: BTreeSet<PathBuf>, are_all: bool) {
        self.seen.retain(|file, _| !are_all || files.contains(file));
        for file in files {
            self.seen
                .entry(file)
                .or_insert_with_key(|file| content(file));
        }
    }

    /// Returns true if a file has other content than when it was last looked at.
    pub(crate) fn has_changed(&mut self) -> bool {
        let mut has_changed = false;
        for (file, seen) in &mut self.seen {
            let now = content(file);
            has_changed |= *seen != now;
            *seen = now;
        }
        has_changed
    }
}

/// Does not wait for the writer of a pipe.
fn content(file: &Path) -> Content {
    let read = introspectd_files::read(file, MAX_FILE, Duration::ZERO);
    read.ok().map(|content| Sha256::digest(content).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn content_counts_and_a_touched_file_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, absent) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "one").unwrap();
        let mut watched = Watched::new([file.clone(), absent.clone()].into());
        assert!(!watched.has_changed());
        fs::write(&file, "one").unwrap();
        assert!(!watched.has_changed(), "the same content");
        fs::write(&file, "two").unwrap();
        assert!(watched.has_changed());
        assert!(!watched.has_changed(), "once");
        fs::write(&absent, "").unwrap();
        assert!(watched.has_changed(), "it came");
        fs::remove_file(&file).unwrap();
        assert!(watched.has_changed(), "it went");
    }

    /// The kubelet writes a new directory and renames a link to it; the link that is named stays.
    #[test]
    fn swapped_link_to_a_directory_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, content) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("token"), content).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/token", at("token")).unwrap();
        let mut watched = Watched::new([at("token")].into());
        symlink("..2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert!(watched.has_changed());
    }

    #[test]
    fn files_of_a_refused_configuration_are_looked_at_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "x").unwrap();
        let mut watched = Watched::new([old.clone()].into());
        watched.look_at([new.clone()].into(), false);
        fs::write(&new, "x").unwrap();
        assert!(watched.has_changed());
        fs::write(&old, "y").unwrap();
        assert!(watched.has_changed());
        watched.look_at([new].into(), true);
        fs::write(&old, "z").unwrap();
        assert!(!watched.has_changed());
    }
}
