use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use introspectd_bindings::{
    BlockingBindings, BlockingRevocations, MemoryBindings, StoredBindings, Threaded,
};
use introspectd_core::{Bindings, Revocations, Timestamp};
use introspectd_fleet::{Fleet, SharedBindings};
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};

/// Settings of `[bindings]`.
#[derive(Debug)]
pub struct BindingsConfig {
    /// File of the store; `None` for memory.
    path: Option<PathBuf>,
    key: Option<SecretString>,
    /// True if bindings lie in the shared cache.
    is_shared: bool,
}

/// Shortest key in bytes: 256 bits, if they are random.
const SHORTEST_KEY: usize = 32;

impl BindingsConfig {
    pub(super) fn read(root: &mut Section, has_shared_cache: bool) -> Self {
        let mut bindings = root.section("bindings");
        let path = bindings.text("path").map(PathBuf::from);
        let key = bindings.secret("key");
        if let Some(path) = &path {
            check(&bindings, path);
        }
        if let Some(key) = &key {
            if key.expose_secret().len() < SHORTEST_KEY {
                let remedy = "Take the output of `openssl rand -hex 32`.";
                bindings.problem("key", "is shorter than 32 bytes", remedy);
            }
            if path.is_none() {
                let remedy = "Write path = \"PATH\", or leave the key out.";
                bindings.problem("key", "is unused without a path", remedy);
            }
        }
        let is_shared = bindings.flag("shared", false);
        if is_shared && !has_shared_cache {
            let remedy = "Configure [cache.shared], or write shared = false.";
            bindings.problem("shared", "is nothing without a shared cache", remedy);
        }
        bindings.finish();
        Self {
            path,
            key,
            is_shared,
        }
    }

    /// Opens the store, of which bindings lie in the fleet's where they are shared.
    ///
    /// # Errors
    /// A file that cannot be used; a system without random bytes.
    pub fn open(&self, now: Timestamp, fleet: Option<&Arc<Fleet>>) -> io::Result<Stores> {
        let stores = match &self.path {
            None => Stores::of(MemoryBindings::new()?),
            Some(path) => {
                let opened = StoredBindings::open(path, self.key.as_ref(), now);
                Stores::of(opened.map_err(io::Error::other)?)
            }
        };
        Ok(match fleet.and_then(|fleet| self.shared_by(fleet)) {
            Some(bindings) => Stores { bindings, ..stores },
            None => stores,
        })
    }

    /// Returns the bindings of a fleet, if they are shared.
    pub fn shared_by(&self, fleet: &Arc<Fleet>) -> Option<Arc<dyn Bindings>> {
        let bindings = || Arc::new(SharedBindings::new(Arc::clone(fleet)));
        self.is_shared.then(bindings).map(|bindings| bindings as _)
    }
}

/// Store behind both of its interfaces.
#[derive(Debug)]
pub struct Stores {
    /// Records of bound tokens.
    pub bindings: Arc<dyn Bindings>,
    /// Remembered revocations.
    pub revocations: Arc<dyn Revocations>,
}

impl Stores {
    fn of<S: BlockingBindings + BlockingRevocations>(store: S) -> Self {
        let store = Arc::new(Threaded::new(store));
        Self {
            bindings: Arc::clone(&store) as _,
            revocations: store,
        }
    }
}

/// Checks the path without opening the file.
fn check(bindings: &Section, path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name_remedy = "Name a file, such as \"/var/lib/introspectd/bindings.redb\".";
    if path.as_os_str().is_empty() || path.file_name().is_none() || path.is_dir() {
        bindings.problem("path", "is not a file path", name_remedy);
    } else if !folder.is_dir() {
        let what = format!("directory {} does not exist", folder.display());
        bindings.problem(
            "path",
            what,
            "Create the directory; a relative path starts at the working directory.",
        );
    } else if path.exists() && !path.is_file() {
        bindings.problem("path", "is not a regular file", name_remedy);
    }
}
