//! Description of the machine and of the program that were tortured.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Names and values of the description.
pub(crate) fn describe(introspectd: &Path) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = field("/proc/cpuinfo", "model name", ':').unwrap_or_default();
    let memory = field("/proc/meminfo", "MemTotal", ':').unwrap_or_default();
    let kibibytes = memory.split(' ').next().and_then(|text| text.parse().ok());
    let memory: u64 = kibibytes.unwrap_or_default();
    let system = field("/etc/os-release", "PRETTY_NAME", '=').unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = output_of(introspectd, &["--version"]);
    vec![
        ("introspectd", format!("{version} ({})", revision())),
        ("processor", format!("{cores} × {processor}")),
        ("memory", format!("{} GiB", memory.div_ceil(1 << 20))),
        (
            "system",
            format!("{}, Linux {}", system.trim_matches('"'), kernel.trim()),
        ),
    ]
}

/// Commit of the working tree, marked if it has changes.
fn revision() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let git =
        |arguments: &[&str]| output_of(Path::new("git"), &[&["-C", folder], arguments].concat());
    let hash = git(&["rev-parse", "--short", "HEAD"]);
    if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() {
        hash
    } else {
        format!("{hash} and changes")
    }
}

/// The first line that it prints.
fn output_of(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The first line of this name in a file.
fn field(file: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}
