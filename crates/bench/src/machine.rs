//! Description of the machine that the figures come from.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::Lab;

const LOCK: &str = include_str!("../../../Cargo.lock");

/// Names and values of the description.
pub(crate) fn describe(lab: &Lab) -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = field(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let memory = memory
        .split(' ')
        .next()
        .and_then(|kibibytes| kibibytes.parse::<u64>().ok())
        .unwrap_or_default();
    let system =
        field(&read("/etc/os-release").replace('=', ":"), "PRETTY_NAME").unwrap_or_default();
    let packaged = |name| output_of("dpkg-query", &["--show", "--showformat=${Version}", name]);
    let rows = [
        ("processor", format!("{cores} × {processor}")),
        ("memory", format!("{} GiB", memory.div_ceil(1 << 20))),
        (
            "system",
            format!(
                "{}, Linux {}",
                system.trim_matches('"'),
                read("/proc/sys/kernel/osrelease").trim()
            ),
        ),
        (
            "introspectd",
            format!(
                "{} ({})",
                output_of(&lab.introspectd, &["--version"]),
                commit()
            ),
        ),
        ("hyper", locked("hyper")),
        ("tonic", locked("tonic")),
        ("rustc", output_of("rustc", &["--version"])),
        (
            "nginx",
            output_of("nginx", &["-v"]).replace("nginx version: ", ""),
        ),
        ("nginx's Lua module", packaged("libnginx-mod-http-lua")),
        (
            "nginx's JavaScript module",
            packaged("libnginx-mod-http-js"),
        ),
        ("h2load", output_of("h2load", &["--version"])),
        ("wrk", output_of("wrk", &["--version"])),
        ("Redis", output_of("redis-server", &["--version"])),
    ];
    rows.map(|(what, is)| (what.to_owned(), is)).to_vec()
}

/// Commit of the working tree, marked if it has changes.
fn commit() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let hash = output_of("git", &["-C", folder, "rev-parse", "--short", "HEAD"]);
    let changes = output_of(
        "git",
        &[
            "-C",
            folder,
            "status",
            "--porcelain",
            "--untracked-files=no",
        ],
    );
    if changes.is_empty() {
        hash
    } else {
        format!("{hash} and changes")
    }
}

/// The first line that it prints, on either stream, whatever it exits with.
fn output_of(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program.as_ref()).args(arguments).output() else {
        return String::new();
    };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Finds the first `name : value` line of this name.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The version of a dependency.
fn locked(package: &str) -> String {
    let (_, rest) = LOCK
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_full_name() {
        let text = "model\t\t: 6\nmodel name\t: Some CPU @ 2.00GHz\nmodel name\t: Another\n";
        assert_eq!(
            field(text, "model name").as_deref(),
            Some("Some CPU @ 2.00GHz")
        );
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn lock_file_contains_hyper() {
        assert!(locked("hyper").starts_with("1."));
        assert_eq!(locked("no-such-package"), "");
    }

    #[test]
    fn missing_program_has_no_output() {
        assert_eq!(output_of("no-such-program-anywhere", &[]), "");
    }
}
