//! The commands that ask a running server.

use std::process::Stdio;

use introspectd_simulators::{Answer, Recorded, Simulator, Vendor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::program::{Ended, Folder, run, soon};
use crate::server::Server;

/// One of them, with its arguments and environment.
pub(crate) struct Asking<'a> {
    command: &'static str,
    arguments: Vec<&'a str>,
    environment: Vec<(&'a str, &'a str)>,
    pub(crate) folder: Folder,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(command: &'static str) -> Self {
        Self {
            command,
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: Folder::new(),
        }
    }

    pub(crate) fn env(mut self, name: &'a str, value: &'a str) -> Self {
        self.environment.push((name, value));
        self
    }

    pub(crate) fn at(self, url: &'a str) -> Self {
        self.env("INTROSPECTD_URL", url)
    }

    pub(crate) fn edge(self) -> Self {
        self.env("INTROSPECTD_CALLER", "edge")
            .env("INTROSPECTD_SECRET", "edge-secret")
    }

    /// Sets the administrator of [`ADMIN_CONFIG`] as the caller.
    pub(crate) fn admin(self) -> Self {
        self.env("INTROSPECTD_CALLER", "admin")
            .env("INTROSPECTD_SECRET", ADMIN_SECRET)
    }

    pub(crate) fn with(mut self, arguments: &[&'a str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    pub(crate) async fn of(self, stdin: impl AsRef<[u8]>) -> Ended {
        let mut command = self.folder.command();
        command
            .arg(self.command)
            .args(&self.arguments)
            .envs(self.environment.iter().copied());
        run(command, stdin).await
    }

    /// Runs at a terminal with `typed` as its input. Standard input is a file with `stdin`.
    pub(crate) async fn at_a_terminal(self, stdin: &str, typed: &str) -> Ended {
        self.folder.write("stdin", stdin);
        self.in_a_terminal(r#""$@" < stdin"#, typed).await
    }

    /// Runs with its output at a terminal, but without a controlling terminal.
    pub(crate) async fn before_a_terminal(self, stdin: &str) -> Ended {
        self.folder.write("stdin", stdin);
        self.in_a_terminal(r#"setsid --wait "$@" < stdin"#, "")
            .await
    }

    /// Runs a shell line at a terminal, in which `"$@"` is the command.
    pub(crate) async fn in_a_terminal(self, line: &str, typed: &str) -> Ended {
        let program = env!("CARGO_BIN_EXE_introspectd");
        let words: Vec<String> = [program, self.command]
            .iter()
            .chain(&self.arguments)
            .map(|word| format!("'{word}'"))
            .collect();
        let line = format!("set -- {}; {line}", words.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command
            .env_clear()
            .current_dir(self.folder.path(""))
            .kill_on_drop(true);
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("SHELL", "/bin/sh");
        command.envs(self.environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        soon(
            "the end at the terminal",
            answer(command.spawn().unwrap(), typed),
        )
        .await
    }
}

/// Types this when it is asked, and nothing else.
async fn answer(mut child: Child, typed: &str) -> Ended {
    let (mut keyboard, mut screen) = (child.stdin.take(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    while screen.read_buf(&mut shown).await.unwrap() > 0 {
        if shown.ends_with(b"[y/N] ")
            && let Some(mut keyboard) = keyboard.take()
        {
            keyboard.write_all(typed.as_bytes()).await.unwrap();
        }
    }
    let status = child.wait().await.unwrap();
    Ended {
        code: status.code(),
        stdout: String::from_utf8(shown).unwrap(),
        stderr: String::new(),
    }
}

pub(crate) const ADMIN_SECRET: &str = "admin-secret";

/// A caller that may do all that the commands ask for.
pub(crate) const ADMIN_CONFIG: &str = r#"
[callers.admin]
secret = { literal = "admin-secret" }
permissions = ["introspect", "lookup", "revoke", "purge", "list", "explain"]
"#;

pub(crate) fn url(server: &Server) -> String {
    format!("http://{}", server.api())
}

/// A server that is no introspectd: 200 and a page, whatever is asked.
pub(crate) async fn page() -> Simulator<impl Vendor> {
    struct Page;
    impl Vendor for Page {
        fn answer(&self, _: &Recorded) -> Answer {
            Answer::html(200)
        }
    }
    Simulator::start(Page).await.unwrap()
}
