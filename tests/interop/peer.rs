//! Process of a peer.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_blocking;

/// Running peer. It ends when this is dropped, or with the process of the tests.
pub(crate) struct Peer {
    pub(crate) port: u16,
    child: Child,
    _stdin: ChildStdin,
}

impl Peer {
    /// Starts a script of `tests/interop/python` and returns when it listens.
    pub(crate) async fn python(script: &str, wanted: Value) -> Self {
        let python = target().join("interop-venv/bin/python");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("interop/python")
            .join(script);
        let mut command = Command::new(installed(python));
        // Bytecode beside the scripts would lie in the source tree.
        command.arg("-B").arg(script);
        Self::start(command, wanted).await
    }

    /// Starts the script of a folder that npm filled and returns when it listens.
    pub(crate) async fn node(folder: &str, script: &str, wanted: Value) -> Self {
        Self::start(node(folder, script), wanted).await
    }

    async fn start(mut command: Command, wanted: Value) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // An interpreter takes a second or two, while other tasks of the test go on.
        spawn_blocking(move || Self::start_blocking(command, &wanted))
            .await
            .unwrap()
    }

    fn start_blocking(mut command: Command, wanted: &Value) -> Self {
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{wanted}\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = serde_json::from_str::<Value>(&line)
            .ok()
            .and_then(|line| line["port"].as_u64());
        let Some(port) = port else {
            // Without a port it is ending, or of no use.
            let _ = child.kill();
            panic!("{command:?} does not listen, but says {line:?}: run it by hand with {wanted}");
        };
        Self {
            port: port.try_into().unwrap(),
            child,
            _stdin: stdin,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Command that runs a script of a folder that npm filled.
fn node(folder: &str, script: &str) -> Command {
    let folder = target().join("interop").join(folder);
    installed(folder.join("node_modules"));
    let mut command = Command::new("node");
    command.arg(script).current_dir(folder);
    command
}

/// Runs a script of a folder that npm filled, which is asked by its standard input, to its end, and
/// returns what it prints.
pub(crate) async fn ask_node(folder: &str, script: &str, question: &Value) -> Value {
    let mut client = tokio::process::Command::from(node(folder, script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let mut pipe = client.stdin.take().unwrap();
    let question = question.to_string();
    pipe.write_all(question.as_bytes()).await.unwrap();
    drop(pipe);
    let output = client.wait_with_output().await.unwrap();
    assert!(output.status.success(), "node's own words stand above");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn installed(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, which installs it",
        path.display()
    );
    path
}

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target")
}
