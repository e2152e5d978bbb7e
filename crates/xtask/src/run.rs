//! Runs the steps of a chore: what each is called, how long it took, how to repeat it by hand.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// One step of a chore. Prints its name when it starts and its time when it ends.
///
/// # Errors
/// The work's own, with the step's name.
pub(crate) fn step(
    name: &'static str,
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    println!("==> {name}");
    let started = Instant::now();
    let outcome = work();
    let seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => {
            println!("    {name}: ok, {seconds:.1} s");
            Ok(())
        }
        Err(failure) => {
            println!("    {name}: failed, {seconds:.1} s");
            Err(failure.of(name))
        }
    }
}

/// Reason for the early end of a chore. Its text is one line, the last that a reader sees.
#[derive(Debug)]
pub(crate) struct Failure {
    step: Option<&'static str>,
    why: String,
    repeat: Option<String>,
}

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self {
            step: None,
            why: why.into(),
            repeat: None,
        }
    }

    /// The command line that a reader may paste to see this again, or to put it right.
    pub(crate) fn repeated_by(self, line: impl Into<String>) -> Self {
        Self {
            repeat: Some(line.into()),
            ..self
        }
    }

    fn of(self, step: &'static str) -> Self {
        Self {
            step: Some(step),
            ..self
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(to, "step `{step}` failed: {}", self.why)?,
            None => write!(to, "{}", self.why)?,
        }
        match &self.repeat {
            Some(line) => write!(to, "; run: {line}"),
            None => Ok(()),
        }
    }
}

/// A command to run: like [`Command`], but it can be shown as the line that a reader would type.
pub(crate) struct Line {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
    directory: PathBuf,
}

impl Line {
    /// Creates a command to run in the repository's root.
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            environment: Vec::new(),
            directory: root().to_owned(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    pub(crate) fn within(self, directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            ..self
        }
    }

    /// Runs it on the terminal.
    ///
    /// # Errors
    /// It cannot be started, or says that it failed.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self.command().stdin(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new(status.to_string()).repeated_by(self.to_string())),
            Err(error) => {
                Err(Failure::new(format!("{}: {error}", self.program))
                    .repeated_by(self.to_string()))
            }
        }
    }

    /// All that it prints, on either stream; none where it cannot be started or fails.
    pub(crate) fn output(&self) -> Option<String> {
        let output = self.command().stdin(Stdio::null()).output().ok()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        output
            .status
            .success()
            .then(|| text(&output.stdout) + &text(&output.stderr))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.executable());
        command
            .args(&self.arguments)
            .envs(self.environment.iter().copied())
            .current_dir(&self.directory);
        if let Some(path) = search_path() {
            command.env("PATH", path);
        }
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(set_by_cargo_run) {
                command.env_remove(name);
            }
        }
        command
    }

    /// The cargo that runs us, so that a `cargo +toolchain xtask` stays with its toolchain.
    fn executable(&self) -> PathBuf {
        match env::var_os("CARGO") {
            Some(cargo) if self.program == "cargo" => cargo.into(),
            _ => PathBuf::from(&self.program),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.directory != root() {
            write!(to, "cd {} && ", quoted(&self.directory.to_string_lossy()))?;
        }
        for (name, value) in &self.environment {
            write!(to, "{name}={} ", quoted(value))?;
        }
        write!(to, "{}", quoted(&self.program))?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(to, " {}", quoted(argument)))
    }
}

/// The repository's root: this crate is two folders below it.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Debian keeps servers in `/usr/sbin`, which an ordinary user's `PATH` leaves out.
fn search_path() -> Option<std::ffi::OsString> {
    let given = env::var_os("PATH")?;
    let sbin = Path::new("/usr/sbin");
    let mut folders: Vec<PathBuf> = env::split_paths(&given).collect();
    if folders.iter().all(|folder| folder != sbin) {
        folders.push(sbin.to_owned());
    }
    env::join_paths(folders).ok()
}

/// Returns true for variables that `cargo run` sets about this package. A cargo that inherits them
/// rebuilds the crates whose build scripts depend on them (ring), each time that a developer
/// alternates between `cargo test` and this program.
fn set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || matches!(name, "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH")
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_shown_as_typed() {
        let line = Line::new("cargo", &["test", "it's", ""]).with("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            line.to_string(),
            r"RUSTDOCFLAGS='-D warnings' cargo test 'it'\''s' ''"
        );
    }

    #[test]
    fn line_in_another_folder_names_it() {
        let line = Line::new("npm", &["ci"]).within(Path::new("/nowhere/else"));
        assert_eq!(line.to_string(), "cd /nowhere/else && npm ci");
    }

    #[test]
    fn failure_names_its_step_and_command() {
        let failure = Line::new("false", &[])
            .run()
            .map_err(|failure| failure.of("nothing"))
            .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "step `nothing` failed: exit status: 1; run: false"
        );
    }

    #[test]
    fn missing_program_is_a_failure() {
        assert!(Line::new("no-such-program-anywhere", &[]).run().is_err());
        assert_eq!(Line::new("no-such-program-anywhere", &[]).output(), None);
    }

    #[test]
    fn root_is_the_workspace() {
        assert!(root().join("rust-toolchain.toml").is_file());
    }
}
