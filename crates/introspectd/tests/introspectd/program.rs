//! The binary, run to its end in a folder of its own and an environment that holds nothing else.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Far more than anything here takes: what is not over by then will never be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration file, and what stands beside it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn with_config(toml: &str) -> Self {
        let folder = Self::new();
        folder.write("introspectd.toml", toml);
        folder
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self) -> Command {
        command(self.0.path())
    }

    /// Another program there.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        command_of(program, self.0.path())
    }
}

pub(crate) fn command(folder: &Path) -> Command {
    command_of(env!("CARGO_BIN_EXE_introspectd"), folder)
}

fn command_of(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder).kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Exit code and output of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// All that it printed.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs it to its end, with this on standard input.
pub(crate) async fn run(mut command: Command, stdin: impl AsRef<[u8]>) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A program that refuses its arguments does not read, and closes the pipe.
    let _ = pipe.write_all(stdin.as_ref()).await;
    drop(pipe);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    output.expect("the program does not end").unwrap().into()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Waits for what must come soon.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
