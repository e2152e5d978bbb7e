//! A small file system for bindings and audit log, to be filled up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Folder of its own file system, where the user may mount one.
pub(crate) struct Disk {
    path: PathBuf,
    is_mounted: bool,
}

const SIZE: &std::ffi::CStr = c"size=64m,mode=0700";

impl Disk {
    /// Makes the folder, and mounts 64 MiB of memory there if this user may.
    pub(crate) fn mount(path: &Path) -> io::Result<Self> {
        fs::create_dir(path)?;
        let is_mounted = mount("tmpfs", path, "tmpfs", MountFlags::empty(), SIZE).is_ok();
        Ok(Self {
            path: path.to_owned(),
            is_mounted,
        })
    }

    /// Returns true if it can be filled without filling anybody else's.
    pub(crate) fn is_mounted(&self) -> bool {
        self.is_mounted
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) -> io::Result<()> {
        if !self.is_mounted {
            return Ok(());
        }
        let mut file = File::create(self.path.join("filler"))?;
        let piece = vec![0; 1 << 16];
        loop {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes room again.
    pub(crate) fn free(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join("filler")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes the audit log away, as a rotation does.
    pub(crate) fn rotate_audit(&self) {
        // There is none before the first line.
        let _ = fs::remove_file(self.path.join("audit.log"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // The process may still have files open there.
            let _ = unmount(&self.path, UnmountFlags::DETACH);
        }
    }
}
