//! `cargo xtask fuzz`: the fuzz targets, guided by coverage. The same targets run for a moment as
//! ordinary tests.

use std::fs;

use crate::run::{Failure, Line, root, step};
use crate::tools;

/// Marks a target: every test that calls it is one.
const MARK: &str = "introspectd_fuzz::check!(";

/// Time of each target by default.
const SECONDS: u64 = 60;

/// A test that takes any bytes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    package: String,
    /// Path of the test inside its crate.
    name: String,
}

/// Fuzzes each target for so many minutes, or for a minute.
///
/// # Errors
/// The tools are missing, or a target fails: its input stays in a folder `__fuzz__` beside the
/// test, which then fails as an ordinary test, too.
pub(crate) fn run(minutes: Option<&str>) -> Result<(), Failure> {
    let seconds = match minutes.map(str::parse::<f64>) {
        None => SECONDS.to_string(),
        Some(Ok(minutes)) if (0.0..=1440.0).contains(&minutes) => {
            format!("{:.0}", minutes * 60.0)
        }
        Some(_) => return Err(Failure::new("--minutes takes a number from 0 to 1440")),
    };
    step("tools", || tools::install_missing(tools::FUZZING))?;
    step("cargo-bolero", || tools::install_subcommand("bolero"))?;
    for target in targets()? {
        println!("==> {} {}", target.package, target.name);
        let time = format!("{seconds}s");
        let arguments = [
            "bolero",
            "test",
            "--rustc-bootstrap",
            "--sanitizer",
            "NONE",
            "--package",
            &target.package,
            "-T",
            &time,
            &target.name,
        ];
        Line::new("cargo", &arguments).run()?;
    }
    Ok(())
}

/// Finds all targets by their mark: a list of its own would be forgotten.
fn targets() -> Result<Vec<Target>, Failure> {
    // Not this file, which names the mark.
    let places = ["crates/*/src/*", ":!crates/xtask"];
    let search = [&["grep", "-l", "-F", MARK, "--"], places.as_slice()].concat();
    let listed = Line::new("git", &search).output();
    let listed = listed.ok_or_else(|| Failure::new("no fuzz target was found"))?;
    let mut targets = Vec::new();
    for file in listed.lines() {
        let path = root().join(file);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        targets.extend(targets_in(file, &text));
    }
    targets.sort();
    Ok(targets)
}

/// Targets of a file: the function around each mark.
fn targets_in(file: &str, text: &str) -> Vec<Target> {
    let Some((package, module)) = file
        .strip_prefix("crates/")
        .and_then(|file| file.split_once("/src/"))
    else {
        return Vec::new();
    };
    let module = module.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut parts: Vec<&str> = module.split('/').filter(|part| *part != "lib").collect();
    if parts.last() != Some(&"tests") {
        parts.push("tests");
    }
    let mut function = "";
    let mut targets = Vec::new();
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("fn ") {
            function = rest.split(['(', '<']).next().unwrap_or_default();
        }
        if line.contains(MARK) {
            targets.push(Target {
                package: match package {
                    "introspectd" => package.to_owned(),
                    _ => format!("introspectd-{package}"),
                },
                name: [&parts[..], &[function]].concat().join("::"),
            });
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn target_is_the_test_around_its_mark() {
        let text = format!("#[test]\nfn any_bytes_are_read() {{\n    {MARK}SEEDS, |it| it);\n}}\n");
        let found = |file| targets_in(file, &text).pop().unwrap().name;
        let name = "any_bytes_are_read";
        assert_eq!(
            found("crates/front/src/form.rs"),
            format!("form::tests::{name}")
        );
        let beside = "crates/adapter-apigee/src/wire/tests.rs";
        assert_eq!(found(beside), format!("wire::tests::{name}"));
        assert_eq!(found("crates/core/src/lib.rs"), format!("tests::{name}"));
        let package = |file| targets_in(file, &text).pop().unwrap().package;
        assert_eq!(package("crates/core/src/lib.rs"), "introspectd-core");
        assert_eq!(package("crates/introspectd/src/a.rs"), "introspectd");
    }

    #[test]
    fn there_are_targets() {
        assert!(targets().unwrap().len() >= 10);
    }

    /// All tests of a crate are built for libFuzzer, and those without its counters do not link.
    #[test]
    fn every_test_of_a_crate_with_targets_links_the_counters() {
        let packages = targets().unwrap().into_iter().map(|target| target.package);
        let folders: BTreeSet<String> = packages
            .map(|it| it.strip_prefix("introspectd-").unwrap_or(&it).to_owned())
            .collect();
        let listed = Line::new("git", &["ls-files", "crates/*/tests/*.rs"]).output();
        let listed = listed.unwrap();
        let is_meant = |file: &&str| match file.split('/').collect::<Vec<_>>()[..] {
            [_, folder, _, _] | [_, folder, _, _, "main.rs"] => folders.contains(folder),
            _ => false,
        };
        let lacks = |file: &&str| {
            let text = fs::read_to_string(root().join(file)).unwrap();
            !text.contains("use introspectd_fuzz as _;")
        };
        let lacking: Vec<&str> = listed.lines().filter(is_meant).filter(lacks).collect();
        assert_eq!(lacking, [""; 0]);
    }
}
