//! Processes that end with us, whatever ends us.
//!
//! Each is the head of a group of its own, which is ended when its [`Process`] is dropped, and by
//! [`end_all`] when a signal ends the program. Against a kill that cannot be caught, the system
//! tells it (see the role `guard`).

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group, setrlimit,
};

use crate::failure::{Failure, Result, Tried};

/// A running process, its output in a file.
pub(crate) struct Process {
    child: Child,
    group: Pid,
    log: PathBuf,
    pipe: Arc<Pipe>,
}

/// Standard error of a process that has it in a pipe, as far as it was read.
#[derive(Default)]
struct Pipe {
    lines: AtomicU64,
}

static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a pipe that are kept in the file: enough for the first lines of a server.
const KEPT: usize = 1 << 16;

impl Process {
    /// Starts it through the guard.
    pub(crate) fn start(command: &Command, log: &Path) -> Result<Self> {
        Self::start_bare(guarded(command)?, log)
    }

    /// Starts it through the guard, with standard error in a pipe that a thread empties. The file
    /// gets the beginning.
    pub(crate) fn start_piped(command: &Command, log: &Path) -> Result<Self> {
        let mut command = guarded(command)?;
        let file = File::create(log).tried(log.display())?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut process = Self::spawn(command, log)?;
        let errors = process
            .child
            .stderr
            .take()
            .ok_or_else(|| Failure::new("standard error is not piped"))?;
        let pipe = Arc::clone(&process.pipe);
        std::thread::spawn(move || pipe.drain(errors, file));
        Ok(process)
    }

    /// Starts it at once: for measuring how long a start takes.
    pub(crate) fn start_bare(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).tried(log.display())?;
        let errors = file.try_clone().tried(log.display())?;
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0);
        Self::spawn(command, log)
    }

    fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().tried(format!("cannot start {program}"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = group.ok_or_else(|| Failure::new(format!("{program} has no process id")))?;
        groups(|groups| groups.push(group));
        Ok(Self {
            child,
            group,
            log: log.to_owned(),
            pipe: Arc::default(),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end, so long at most.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + timeout;
        loop {
            match self.child.try_wait().tried("cannot wait for a process")? {
                Some(status) => return Ok(status),
                None if Instant::now() > end => {
                    return Err(Failure::new(format!(
                        "still running after {} s",
                        timeout.as_secs()
                    )));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.group, signal).tried("cannot send a signal")
    }

    /// Lines that were read of its pipe so far.
    pub(crate) fn lines(&self) -> u64 {
        self.pipe.lines.load(Relaxed)
    }

    /// Output so far.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines that it printed, as one.
    pub(crate) fn last_words(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

impl Pipe {
    /// Until the process has ended.
    fn drain(&self, mut errors: impl Read, mut kept: impl Write) {
        let mut chunk = vec![0; 1 << 16];
        let mut room = KEPT;
        while let Ok(length @ 1..) = errors.read(&mut chunk) {
            let read = chunk.get(..length).unwrap_or_default();
            let lines = read.iter().filter(|byte| **byte == b'\n').count();
            let _ = kept.write_all(read.get(..room).unwrap_or(read));
            room = room.saturating_sub(length);
            self.lines.fetch_add(lines as u64, Relaxed);
        }
    }
}

/// The same command, which ends when we do.
fn guarded(command: &Command) -> Result<Command> {
    let own = std::env::current_exe().tried("cannot find the path of this program")?;
    let mut guarded = Command::new(own);
    guarded
        .arg("guard")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guarded.env(name, value),
            None => guarded.env_remove(name),
        };
    }
    Ok(guarded)
}

/// Lets every other thread go first that wants to run: for a client whose own work is not what is
/// measured, and which would be on another machine.
pub(crate) fn give_way() {
    // Refused or not: without it the client costs more.
    let _ = introspectd_core::run_while_idle();
}

/// Priority of a process beside all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Every other thread goes first.
    Idle,
    /// The one that a process begins with.
    Ordinary,
}

/// Gives all threads of another process, which runs already, this priority.
pub(crate) fn prioritize(process: u32, priority: Priority) {
    let policy = match priority {
        Priority::Idle => "--idle",
        Priority::Ordinary => "--other",
    };
    let mut chrt = Command::new("chrt");
    chrt.args(["--all-tasks", policy, "--pid", "0", &process.to_string()]);
    // Refused or not: without it the process costs more.
    let _ = chrt.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Raises the limit of descriptors, of this process and of those that it starts, as far as the
/// system allows.
pub(crate) fn allow_descriptors(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < wanted) {
        let most = limit.maximum.unwrap_or_default();
        return Err(Failure::new(format!(
            "{wanted} descriptors are needed, and {most} are allowed"
        )));
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .tried("cannot raise the limit of descriptors")
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end, and that is well.
        let _ = kill_process_group(self.group, Signal::TERM);
        if self.wait(PATIENCE).is_err() {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
        groups(|groups| groups.retain(|group| *group != self.group));
    }
}

/// Kills all that still runs. The program ends right after it.
pub(crate) fn end_all() {
    groups(|groups| {
        for group in groups.drain(..) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    });
}

fn groups<T>(work: impl FnOnce(&mut Vec<Pid>) -> T) -> T {
    work(&mut GROUPS.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_process_has_ended() {
        let log =
            std::env::temp_dir().join(format!("introspectd-bench-test-{}", std::process::id()));
        let mut command = Command::new("sleep");
        command.arg("60");
        let mut process = Process::start_bare(command, &log).unwrap();
        let place = PathBuf::from(format!("/proc/{}", process.id()));
        assert!(!process.has_ended() && place.exists());
        drop(process);
        assert!(!place.exists());
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn pipe_is_drained_and_its_beginning_kept() {
        let pipe = Pipe::default();
        let mut kept = Vec::new();
        let text = "a line\n".repeat(100_000);
        pipe.drain(text.as_bytes(), &mut kept);
        assert_eq!(pipe.lines.load(Relaxed), 100_000);
        assert_eq!(kept, text.as_bytes()[..KEPT]);
    }
}
