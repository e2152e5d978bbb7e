use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::time::interval;

/// Interval of checks for a listening process.
const TICK: Duration = Duration::from_millis(20);
/// So often at most: half a minute.
const LOOKS: usize = 1500;

/// Running process, its output in a file of its folder. It ends when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    folder: PathBuf,
}

impl Process {
    /// Starts it in a folder, and returns when it listens on this address.
    pub async fn start(mut command: Command, folder: &Path, address: SocketAddr) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = File::create(folder.join("output.log")).unwrap();
        command.current_dir(folder).env("PATH", search_path());
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} cannot be started ({error}): run `cargo xtask test`, which installs it")
        });
        let mut process = Self {
            name,
            child,
            folder: folder.to_owned(),
        };
        process.listens(address).await;
        process
    }

    async fn listens(&mut self, address: SocketAddr) {
        let mut ticks = interval(TICK);
        for _ in 0..LOOKS {
            ticks.tick().await;
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended before it listened: {status}", self.name);
            }
            if TcpStream::connect(address).await.is_ok() {
                return;
            }
        }
        panic!("{} does not listen on {address}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked and not killed: a program of several processes ends its own.
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::TERM);
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.show_logs();
        }
    }
}

impl Process {
    /// Prints the process's own log files as well.
    fn show_logs(&self) {
        let files = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        for file in
            files.filter(|file| file.extension().is_some_and(|extension| extension == "log"))
        {
            let text = fs::read(&file).unwrap_or_default();
            eprintln!(
                "--- {}: {}\n{}",
                self.name,
                file.display(),
                String::from_utf8_lossy(&text)
            );
        }
    }
}

/// Search path with the folder into which `cargo xtask test` installs what Debian lacks, and
/// `/usr/sbin`, which an ordinary user's `PATH` leaves out.
fn search_path() -> String {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/gateways-venv/bin");
    format!(
        "{}:/usr/sbin:{installed}",
        std::env::var("PATH").unwrap_or_default()
    )
}
