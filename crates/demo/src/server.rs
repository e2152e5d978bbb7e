//! The real introspectd: built by cargo, run as a process of its own, and ended with the demo.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::ask;
use crate::output::remark;

/// Binary that cargo built.
pub(crate) struct Build {
    pub(crate) binary: PathBuf,
    /// `target/demo`, for what a demo leaves to be read.
    pub(crate) folder: PathBuf,
}

impl Build {
    /// Runs `cargo build` for the profile that this program was built with. Cargo shows its own
    /// progress.
    pub(crate) fn run() -> Result<Self, String> {
        let own = std::env::current_exe()
            .map_err(|error| format!("cannot find the path of this program: {error}"))?;
        let (Some(folder), Some(target)) = (own.parent(), own.ancestors().nth(2)) else {
            return Err(format!("{} is not in cargo's target folder", own.display()));
        };
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            None | Some("debug") => "dev",
            Some(name) => name,
        };
        let binary = folder.join("introspectd");
        let patience = if binary.exists() {
            ""
        } else {
            ". The first time takes a minute or two"
        };
        remark(&format!(
            "Building introspectd (cargo build --package introspectd){patience} …"
        ));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([
                "build",
                "--package",
                "introspectd",
                "--profile",
                profile,
                "--target-dir",
            ])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(set_by_cargo_run) {
                cargo.env_remove(name);
            }
        }
        match cargo.status() {
            Ok(status) if status.success() => {}
            Ok(_) => return Err("introspectd does not build; see cargo's errors above".to_owned()),
            Err(error) => return Err(format!("cannot run cargo: {error}")),
        }
        Ok(Self {
            binary,
            folder: target.join("demo"),
        })
    }
}

/// Returns true for variables that `cargo run` sets about this package. A cargo that inherits them
/// rebuilds the crates whose build scripts depend on them (ring).
fn set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || matches!(name, "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH")
}

/// A running introspectd. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it with this configuration. Its log goes into a file of this name.
    pub(crate) fn start(build: &Build, configuration: &Path, log: &str) -> Result<Self, String> {
        let log = build.folder.join(log);
        let file = File::create(&log)
            .map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let mut command = Command::new(&build.binary);
        command.arg("serve").arg("--config").arg(configuration);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        // Such a variable wins over the file, and the demo is about the file.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("INTROSPECTD__"))
            {
                command.env_remove(name);
            }
        }
        let process = command.spawn();
        let process =
            process.map_err(|error| format!("cannot start {}: {error}", build.binary.display()))?;
        Ok(Self { process, log })
    }

    /// Waits, for ten seconds at most, until it takes requests.
    pub(crate) async fn ready(&mut self, admin: SocketAddr) -> Result<(), String> {
        for _ in 0..200 {
            if ask::is_ready(admin).await {
                return Ok(());
            }
            if self.has_ended() {
                return Err(self.last_lines());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!(
            "introspectd is not ready after ten seconds: see {}",
            shown(&self.log)
        ))
    }

    /// Waits until it has ended by itself, which it should not, and says what is known of that.
    pub(crate) async fn ended(&mut self) -> String {
        while !self.has_ended() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        // Ctrl-C reaches both of us. Then its end is no news, and ours is a moment away.
        tokio::time::sleep(Duration::from_millis(250)).await;
        self.last_lines()
    }

    pub(crate) fn log(&self) -> String {
        shown(&self.log)
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Appends the last lines of the log.
    fn last_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        let last: Vec<String> = lines
            .into_iter()
            .rev()
            .map(|line| format!("  {line}"))
            .collect();
        format!(
            "introspectd exited. Last lines of its log:
{}",
            last.join("\n")
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill, and that is well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Path relative to the directory where the demo was started.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
