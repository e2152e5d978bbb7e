//! The introspectd program, run as by a user.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// Folder of the program that cargo built beside the tests.
pub(crate) fn folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(2).unwrap();
    let program = folder.join("introspectd");
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --package introspectd`",
        program.display()
    );
    folder.to_owned()
}

/// The program, in a folder and an environment that holds nothing.
pub(crate) fn program(place: &TempDir) -> Command {
    let mut command = Command::new(folder().join("introspectd"));
    command.current_dir(place.path()).env_clear();
    command
}

/// Runs a command to its end, with this on standard input.
pub(crate) async fn run(command: &mut Command, place: &TempDir, stdin: &str) -> Output {
    let path = place.path().join("stdin");
    fs::write(&path, stdin).unwrap();
    command
        .stdin(fs::File::open(path).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // The peers are served meanwhile.
    let child = command.spawn().unwrap();
    spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap()
}
