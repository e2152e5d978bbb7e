//! Test peers written for Node: installs a folder of `tests/` that has a `package-lock.json`.
//!
//! It is installed into a copy under `target/`, where the tests find it: the source tree stays
//! clean.

use std::fs;
use std::io;
use std::path::Path;

use crate::run::{Failure, Line, root};

/// The folders of `tests/` that are installed: a server to introspect at, a client that
/// introspects, and both sides of the Model Context Protocol.
pub(crate) const PEERS: [&str; 3] = [
    "interop/oidc-provider",
    "interop/oauth4webapi",
    "interop/mcp",
];

/// Stamp that is written last, so that an interrupted installation starts over.
const STAMP: &str = ".installed";

/// Brings `target/{peer}` up to date with `tests/{peer}`. Does nothing where it is.
///
/// # Errors
/// A file cannot be copied, or `npm ci` failed.
pub(crate) fn install(peer: &str) -> Result<(), Failure> {
    let from = root().join("tests").join(peer);
    let to = root().join("target").join(peer);

    copy(&from, &to)
        .map_err(|error| Failure::new(format!("copying {} failed: {error}", from.display())))?;
    let wanted =
        stamp(&from).map_err(|error| Failure::new(format!("{}: {error}", from.display())))?;
    if fs::read_to_string(to.join(STAMP)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }

    println!("    installing {}", to.display());
    let _ = fs::remove_file(to.join(STAMP));
    Line::new(
        "npm",
        &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    )
    .within(&to)
    .run()?;
    fs::write(to.join(STAMP), wanted)
        .map_err(|error| Failure::new(format!("{}: {error}", to.join(STAMP).display())))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        // A manual run of npm leaves a folder of modules.
        if file.file_type()?.is_file() {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// All that decides what `npm ci` installs.
fn stamp(from: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(from.join("package.json"))?
        + &fs::read_to_string(from.join("package-lock.json"))?)
}
