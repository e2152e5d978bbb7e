//! `cargo xtask mutants`: tests of the tests. cargo-mutants changes one thing at a time in what
//! decides, and the tests that hold it must fail.

use std::fs;
use std::path::Path;

use crate::run::{Failure, Line, root, step};
use crate::tools;

/// Survivors that are known, each with its reason: `docs/mutants.md`.
const SURVIVORS: &str = "docs/mutants.md";

/// Folder of the results, one for each package.
const RESULTS: &str = "target/mutants";

/// Share of viable mutants that must be caught, in percent.
const CAUGHT: usize = 95;

/// A package whose decisions matter, the files that hold them, and the packages whose tests hold
/// them.
struct Subject {
    package: &'static str,
    /// Patterns of files; empty for all of the package's.
    files: &'static [&'static str],
    tests: &'static [&'static str],
}

/// All packages. A new one is a line here.
const SUBJECTS: &[Subject] = &[
    whole("introspectd-keys"),
    whole("introspectd-core"),
    whole("introspectd-jose"),
    wire("introspectd-adapter-passport"),
    wire("introspectd-adapter-tibco-asg"),
    wire("introspectd-adapter-apigee"),
    wire("introspectd-adapter-rfc7662"),
    wire("introspectd-adapter-jwt"),
    Subject {
        package: "introspectd-adapter-http",
        // What is refused of a description decides as much as what is read by it.
        files: &[
            "**/wire.rs",
            "**/wire/**",
            "**/ask.rs",
            "**/conditions.rs",
            "**/template.rs",
        ],
        tests: &[],
    },
    Subject {
        package: "introspectd-jwks",
        files: &[],
        tests: &["introspectd-jwks", "introspectd-adapter-jwt"],
    },
    Subject {
        package: "introspectd-discovery",
        files: &[],
        tests: &[
            "introspectd-discovery",
            "introspectd-jwks",
            "introspectd-adapter-rfc7662",
        ],
    },
    whole("introspectd-events"),
    whole("introspectd-resolver"),
    whole("introspectd-fleet"),
    Subject {
        package: "introspectd-service",
        files: &[],
        tests: &["introspectd-service", "introspectd-front"],
    },
    Subject {
        package: "introspectd-upstream",
        files: &[
            "**/address.rs",
            "**/answer.rs",
            "**/coding.rs",
            "**/members.rs",
            "**/elements.rs",
            "**/request.rs",
            "**/stack.rs",
            "**/stack/**",
            "**/gate/**",
            "**/window.rs",
        ],
        tests: &["introspectd-upstream"],
    },
];

/// All files of a package, held by its own tests.
const fn whole(package: &'static str) -> Subject {
    Subject {
        package,
        files: &[],
        tests: &[],
    }
}

/// The reading of a vendor's answers, held by the adapter's own tests.
const fn wire(package: &'static str) -> Subject {
    Subject {
        package,
        files: &["**/wire.rs", "**/wire/**", "**/list.rs", "**/list/**"],
        tests: &[],
    }
}

/// Outcome of a package's mutants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    caught: usize,
    missed: Vec<String>,
    timeouts: Vec<String>,
}

/// Tests all packages, or those whose name ends with this one.
///
/// # Errors
/// cargo-mutants cannot be installed or run, too few mutants were caught, or one survived for no
/// reason that is written down.
pub(crate) fn test(name: Option<&str>) -> Result<(), Failure> {
    let is_meant = |subject: &&Subject| name.is_none_or(|name| is_named(subject.package, name));
    let subjects: Vec<&Subject> = SUBJECTS.iter().filter(is_meant).collect();
    if subjects.is_empty() {
        let known: Vec<&str> = SUBJECTS.iter().map(|subject| subject.package).collect();
        let known = known.join(", ");
        return Err(Failure::new(format!("no such package; there are: {known}")));
    }
    step("cargo-mutants", || tools::install_subcommand("mutants"))?;
    let reasons = fs::read_to_string(root().join(SURVIVORS)).unwrap_or_default();
    for subject in subjects {
        step(subject.package, || subject.test(&reasons))?;
    }
    Ok(())
}

/// `core` is `introspectd-core`, and `passport` is `introspectd-adapter-passport`.
fn is_named(package: &str, name: &str) -> bool {
    package == name || package.ends_with(&format!("-{name}"))
}

impl Subject {
    fn test(&self, reasons: &str) -> Result<(), Failure> {
        let folder = format!("{RESULTS}/{}", self.package);
        // cargo-mutants makes the last folder alone.
        fs::create_dir_all(root().join(&folder))
            .map_err(|error| Failure::new(format!("cannot create {folder}: {error}")))?;
        let mut arguments = vec![
            "mutants",
            "--package",
            self.package,
            "--output",
            &folder,
            "--no-shuffle",
            "--jobs",
            "1",
            "--minimum-test-timeout",
            "60",
        ];
        for file in self.files {
            arguments.extend(["--file", file]);
        }
        for package in self.tests {
            arguments.extend(["--test-package", package]);
        }
        // Mutants that survive are its failure, and judged below.
        let ran = Line::new("cargo", &arguments);
        let outcome = ran.run();
        let results = root().join(&folder).join("mutants.out");
        let counts = Outcome::read(&results).ok_or_else(|| {
            outcome
                .err()
                .unwrap_or_else(|| Failure::new(format!("no results in {}", results.display())))
        })?;
        counts.judge(reasons)
    }
}

impl Outcome {
    /// Reads the lists that cargo-mutants leaves.
    fn read(folder: &Path) -> Option<Self> {
        let lines = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).ok()?;
            Some(text.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        Some(Self {
            caught: lines("caught.txt")?.len(),
            missed: lines("missed.txt")?,
            timeouts: lines("timeout.txt")?,
        })
    }

    fn judge(&self, reasons: &str) -> Result<(), Failure> {
        // A test that does not end has noticed something.
        let caught = self.caught + self.timeouts.len();
        let viable = caught + self.missed.len();
        println!("    {caught} of {viable} viable mutants were caught");
        let unexplained: Vec<&String> = self
            .missed
            .iter()
            .filter(|mutant| !reasons.contains(&without_place(mutant)))
            .collect();
        for mutant in &unexplained {
            println!("    survived, without a reason in {SURVIVORS}: {mutant}");
        }
        if caught * 100 < viable * CAUGHT {
            return Err(Failure::new(format!(
                "{caught} of {viable} is less than {CAUGHT} %"
            )));
        }
        if unexplained.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} survivors have no reason in {SURVIVORS}",
            unexplained.len()
        )))
    }
}

/// Name of a mutant without line and column, which any commit may move.
fn without_place(mutant: &str) -> String {
    let mut parts = mutant.splitn(4, ':');
    match (parts.next(), parts.nth(2)) {
        (Some(file), Some(what)) => format!("{file}:{what}"),
        (_, None) | (None, _) => mutant.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MUTANT: &str = "crates/core/src/a.rs:12:5: replace < with <= in within";

    fn outcome(caught: usize, missed: &[&str]) -> Outcome {
        Outcome {
            caught,
            missed: missed.iter().map(|&mutant| mutant.to_owned()).collect(),
            timeouts: Vec::new(),
        }
    }

    #[test]
    fn survivor_needs_a_written_reason() {
        let reasons = "- `crates/core/src/a.rs: replace < with <= in within`: same on both sides";
        assert!(outcome(30, &[MUTANT]).judge(reasons).is_ok());
        assert!(outcome(30, &[MUTANT]).judge("").is_err());
    }

    #[test]
    fn too_few_caught_mutants_are_a_failure() {
        let reasons = without_place(MUTANT);
        assert!(outcome(18, &[MUTANT]).judge(&reasons).is_err());
        assert!(outcome(19, &[MUTANT]).judge(&reasons).is_ok());
    }

    #[test]
    fn packages_are_named_by_their_end() {
        assert!(is_named("introspectd-core", "core"));
        assert!(is_named("introspectd-adapter-passport", "passport"));
        assert!(is_named("introspectd-adapter-passport", "adapter-passport"));
        assert!(!is_named("introspectd-core", "ore"));
    }

    #[test]
    fn every_subject_is_a_package_of_ours() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for subject in SUBJECTS {
            assert!(manifest.contains(&format!("\n{} = ", subject.package)));
            *times.entry(subject.package).or_default() += 1;
        }
        assert!(times.values().all(|times| *times == 1));
    }
}
