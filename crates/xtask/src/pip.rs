//! Test peers that PyPI has: installs a `requirements.txt` of `tests/`.
//!
//! It is installed into an environment of its own under `target/`, where the tests find its
//! programs.

use std::fs;

use crate::run::{Failure, Line, root};

/// The folders of `tests/` that have one: gateways, a client that knows us by our description
/// alone, the servers and clients of `tests/interop`, clients that break the rules of HTTP/2, and
/// the oldest Redis that a fleet may have, and Valkey.
pub(crate) const PEERS: [&str; 5] = ["gateways", "openapi", "interop", "raw", "fleet"];

/// Stamp that is written last, so that an interrupted installation starts over.
const STAMP: &str = ".installed";

/// Brings `target/{peers}-venv` up to date with `tests/{peers}/requirements.txt`. Does nothing
/// where it is.
///
/// # Errors
/// A file cannot be read or written, or `pip install` failed.
pub(crate) fn install(peers: &str) -> Result<(), Failure> {
    let requirements = root().join("tests").join(peers).join("requirements.txt");
    let to = root().join("target").join(format!("{peers}-venv"));
    let stamp = to.join(STAMP);

    let wanted = fs::read_to_string(&requirements)
        .map_err(|error| Failure::new(format!("{}: {error}", requirements.display())))?;
    // An environment does not outlive the Python that made it.
    let wanted = wanted
        + &Line::new("python3", &["--version"])
            .output()
            .unwrap_or_default();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }

    println!("    installing {}", to.display());
    let _ = fs::remove_file(&stamp);
    let place = to.to_string_lossy();
    let list = requirements.to_string_lossy();
    Line::new("python3", &["-m", "venv", "--clear", &place]).run()?;
    let pip = to.join("bin/pip");
    let exactly = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
    ];
    let these = ["--require-hashes", "--requirement", &list];
    Line::new(
        &pip.to_string_lossy(),
        &[exactly.as_slice(), &these].concat(),
    )
    .run()?;
    fs::write(&stamp, wanted).map_err(|error| Failure::new(format!("{}: {error}", stamp.display())))
}
