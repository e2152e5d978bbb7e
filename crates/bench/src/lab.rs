//! Environment of the measurements: load generators, duration, and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use crate::arguments::Scope;
use crate::behaviour::Behaviour;
use crate::client;
use crate::failure::{Failure, Result, Tried};
use crate::process::{Priority, Process};
use crate::role::{free_port, role, wait_until_open};

/// Prefix of scratch folders, before the number of their process.
const FOLDERS: &str = "introspectd-bench-";

/// Scratch folder, removed by whatever ends the program.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Everything that a group needs to know.
pub(crate) struct Lab {
    pub(crate) introspectd: PathBuf,
    pub(crate) rounds: usize,
    /// Time that each subject is driven in a round.
    pub(crate) seconds: u64,
    /// Leaves out sets of a million tokens.
    pub(crate) quick: bool,
    folder: PathBuf,
    names: AtomicU32,
}

impl Lab {
    /// Creates the scratch folder, in memory if the system has a place for that: it favours the
    /// peers, which keep files.
    pub(crate) fn set_up(scope: &Scope) -> Result<Self> {
        let own = std::env::current_exe().tried("cannot find the path of this program")?;
        let introspectd = own.with_file_name("introspectd");
        if !introspectd.is_file() {
            return Err(Failure::new(
                "introspectd is not built; run `cargo xtask bench`",
            ));
        }
        for program in ["nginx", "wrk", "h2load", "openssl", "redis-server"] {
            if !is_installed(program) {
                let remedy = "`cargo xtask bench` installs it on Debian and its descendants";
                return Err(Failure::new(format!("{program} is missing: {remedy}")));
            }
        }
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        sweep(&place);
        let folder = place.join(format!("{FOLDERS}{}", std::process::id()));
        fs::create_dir(&folder).tried(folder.display())?;
        let _ = FOLDER.set(folder.clone());
        let (rounds, seconds) = if scope.quick { (2, 2) } else { (7, 3) };
        Ok(Self {
            introspectd,
            rounds,
            seconds,
            quick: scope.quick,
            folder,
            names: AtomicU32::new(0),
        })
    }

    /// Numbers of the rounds, each as often as it has turns of one second.
    pub(crate) fn turns(&self) -> impl Iterator<Item = usize> {
        let seconds = self.seconds;
        (0..self.rounds).flat_map(move |round| (0..seconds).map(move |_| round))
    }

    /// A new, empty one.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(format!(
            "{}-{}",
            name.replace([' ', ','], "-"),
            self.names.fetch_add(1, Relaxed)
        ));
        fs::create_dir(&folder).tried(folder.display())?;
        Ok(folder)
    }

    /// Prefix of tokens that were never requested before: nine bytes.
    pub(crate) fn prefix(&self) -> String {
        format!("p{:07}_", self.names.fetch_add(1, Relaxed))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        clear();
    }
}

/// Removes the scratch folder.
pub(crate) fn clear() {
    if let Some(folder) = FOLDER.get() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Removes the folders of runs that were killed and could not do it themselves.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(FOLDERS))
            .filter(|id| id.parse::<u32>().is_ok());
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The fake authorization server, running.
pub(crate) struct Authority {
    pub(crate) port: u16,
    process: Process,
}

impl Authority {
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let port = free_port()?;
        let mut process = Process::start(
            &role("authority", port)?,
            &lab.folder("authority")?.join("log"),
        )?;
        wait_until_open(port, &mut process)?;
        Ok(Self { port, process })
    }

    /// Number of requests about a token.
    pub(crate) fn count(&self) -> Result<u64> {
        self.say("GET /count")?
            .trim()
            .parse()
            .tried("the authority's count")
    }

    pub(crate) fn delay(&self, milliseconds: u64) -> Result<()> {
        self.say(&format!("POST /delay?{milliseconds}")).map(drop)
    }

    /// Gives it this priority from now on: [`Priority::Idle`] while its work is not what is
    /// measured, and would be on another machine.
    pub(crate) fn prioritize(&self, priority: Priority) {
        crate::process::prioritize(self.process.id(), priority);
    }

    /// Makes it behave so.
    pub(crate) fn behave(&self, behaviour: Behaviour) -> Result<()> {
        self.say(&format!("POST /behave?{}", behaviour.name()))
            .map(drop)
    }

    fn say(&self, what: &str) -> Result<String> {
        client::fetch(self.port, what, Duration::from_secs(5))
    }
}
