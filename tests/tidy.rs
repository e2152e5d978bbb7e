//! Structure of the tree: crates and their imports, and forbidden content.
//!
//! A new edge between crates is a decision; it is made by a line here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Crate, and which others of ours it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("introspectd-core", &[]),
    ("introspectd-files", &[]),
    ("introspectd-keys", &[]),
    ("introspectd-jose", &["introspectd-core"]),
    (
        "introspectd-events",
        &["introspectd-jose", "introspectd-core"],
    ),
    (
        "introspectd-discovery",
        &["introspectd-upstream", "introspectd-core"],
    ),
    (
        "introspectd-jwks",
        &[
            "introspectd-discovery",
            "introspectd-upstream",
            "introspectd-jose",
            "introspectd-core",
            "introspectd-settings",
            "introspectd-files",
        ],
    ),
    (
        "introspectd-poll",
        &[
            "introspectd-service",
            "introspectd-events",
            "introspectd-upstream",
            "introspectd-core",
        ],
    ),
    ("introspectd-settings", &["introspectd-files"]),
    (
        "introspectd-upstream",
        &[
            // It signs the assertions by which we authenticate.
            "introspectd-jose",
            "introspectd-core",
            "introspectd-settings",
            "introspectd-files",
        ],
    ),
    (
        ADAPTER,
        &[
            "introspectd-discovery",
            "introspectd-jwks",
            "introspectd-jose",
            "introspectd-upstream",
            "introspectd-core",
            "introspectd-settings",
        ],
    ),
    (
        "introspectd-bindings",
        &["introspectd-core", "introspectd-keys"],
    ),
    (
        "introspectd-resolver",
        &["introspectd-fleet", "introspectd-core", "introspectd-keys"],
    ),
    // Of core, the clock alone.
    (
        "introspectd-server",
        &["introspectd-core", "introspectd-files"],
    ),
    (
        "introspectd-service",
        &[
            "introspectd-resolver",
            "introspectd-fleet",
            "introspectd-events",
            "introspectd-jwks",
            "introspectd-jose",
            "introspectd-core",
            "introspectd-keys",
            // A key may be renewed in place.
            "introspectd-files",
        ],
    ),
    (
        "introspectd-audit",
        &["introspectd-service", "introspectd-core"],
    ),
    (
        "introspectd-metrics",
        &["introspectd-service", "introspectd-core"],
    ),
    ("introspectd-otlp", &["introspectd-core"]),
    (
        "introspectd-fleet",
        &["introspectd-core", "introspectd-keys"],
    ),
    (
        "introspectd-redis",
        &["introspectd-fleet", "introspectd-files"],
    ),
    (
        "introspectd-front",
        &[
            "introspectd-service",
            "introspectd-server",
            "introspectd-core",
        ],
    ),
    (
        "introspectd-ext-authz",
        &[
            "introspectd-front",
            "introspectd-service",
            "introspectd-server",
            "introspectd-core",
        ],
    ),
    ("introspectd-plan", &[]),
    (
        "introspectd-cli",
        &[
            "introspectd-core",
            "introspectd-settings",
            "introspectd-files",
        ],
    ),
    (
        "introspectd",
        &[
            "introspectd-cli",
            "introspectd-plan",
            "introspectd-ext-authz",
            "introspectd-front",
            "introspectd-audit",
            "introspectd-metrics",
            "introspectd-otlp",
            "introspectd-service",
            "introspectd-server",
            "introspectd-resolver",
            ADAPTER,
            "introspectd-bindings",
            "introspectd-redis",
            "introspectd-fleet",
            "introspectd-poll",
            "introspectd-jwks",
            "introspectd-discovery",
            "introspectd-jose",
            "introspectd-keys",
            "introspectd-upstream",
            "introspectd-core",
            "introspectd-settings",
            "introspectd-files",
        ],
    ),
    // What produces an answer and what reads it must not be able to be wrong together.
    (SIMULATORS, &[]),
    // Of core, the text that it prints.
    ("introspectd-demo", &[SIMULATORS, "introspectd-core"]),
    // Its program sees what it measures from outside, but for lookups in the store of a fleet; its
    // `benches/` look at the parts.
    (
        "introspectd-bench",
        &[
            "introspectd-front",
            "introspectd-service",
            "introspectd-server",
            "introspectd-metrics",
            "introspectd-resolver",
            "introspectd-redis",
            "introspectd-fleet",
            "introspectd-jose",
            "introspectd-core",
        ],
    ),
    // It sees what it tortures from outside.
    ("introspectd-torture", &[SIMULATORS, REDIS_LAB]),
    (FUZZ, &[]),
    (REDIS_LAB, &[]),
    (TEST_LOG, &[]),
    ("xtask", &[]),
];

/// Crate, and which others of ours only its tests may use.
const TESTS_MAY_USE: &[(&str, &[&str])] = &[
    // They see the whole of a request, from its first byte to its audit line.
    (
        "introspectd-front",
        &["introspectd-audit", "introspectd-resolver"],
    ),
    // They hold the model against the real cache.
    (
        "introspectd-plan",
        &[
            "introspectd-core",
            "introspectd-resolver",
            "introspectd-service",
        ],
    ),
    ("introspectd", &["introspectd-torture"]),
];

/// Stands for every adapter: a new vendor needs no line here.
const ADAPTER: &str = "introspectd-adapter-*";
const SIMULATORS: &str = "introspectd-simulators";
/// Any bytes for the tests of decoders.
const FUZZ: &str = "introspectd-fuzz";
/// Lines that a test's thread logs.
const TEST_LOG: &str = "introspectd-test-log";
/// Real Redis servers, and their faults.
const REDIS_LAB: &str = "introspectd-redis-lab";
const TESTS: &str = "introspectd-tests";

/// Files in `src` over [`LONGEST`] lines, each with the reason why it is one.
const LONG: &[(&str, &str)] = &[];
const LONGEST: usize = 400;

/// Prepositions and pronouns that a first doc line must not open with: it would lean on the code
/// below.
const OPENINGS: &[&str] = &[
    "About", "After", "As", "At", "Before", "Between", "By", "For", "From", "How", "If", "In",
    "Into", "It", "Its", "Nobody", "Of", "On", "Over", "Somebody", "That", "Their", "There",
    "These", "They", "This", "Those", "Through", "To", "Under", "What", "Whatever", "When",
    "Where", "Whether", "Which", "Who", "Whoever", "Whose", "Why", "With", "Within", "Without",
];

/// Folders in `crates` whose first doc lines are still to be rewritten. To be emptied.
const NOT_YET_IN_VOICE: &[&str] = &[];

fn role(package: &str) -> &str {
    if package.starts_with("introspectd-adapter-") {
        ADAPTER
    } else {
        package
    }
}

#[test]
fn crates_use_each_other_only_as_agreed() {
    let agreed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let packages = packages();
    let ours: BTreeSet<_> = packages.iter().map(name).collect();
    for package in &packages {
        let package_name = name(package);
        if package_name == TESTS {
            continue;
        }
        let agreed = agreed.get(role(package_name));
        let agreed = agreed.unwrap_or_else(|| panic!("{package_name} is not in MAY_USE"));
        for dependency in dependencies(package).filter(|it| ours.contains(name(it))) {
            let used = name(dependency);
            let allowed = agreed.contains(&role(used))
                || dependency["kind"] == "dev"
                    && ([SIMULATORS, FUZZ, TEST_LOG, REDIS_LAB].contains(&used)
                        || used == package_name
                        || tests_may_use(package_name, used));
            assert!(allowed, "{package_name} may not use {used}");
        }
    }
    for (known, _) in MAY_USE {
        assert!(
            ours.iter().any(|it| role(it) == *known),
            "{known} is in MAY_USE, and nowhere else"
        );
    }
}

fn tests_may_use(package: &str, used: &str) -> bool {
    TESTS_MAY_USE
        .iter()
        .any(|(name, others)| *name == package && others.contains(&used))
}

#[test]
fn only_the_resolver_knows_the_cache() {
    let users = users_of(|dependency| name(dependency) == "quick_cache");
    // The bench compares it with moka.
    assert_eq!(users, ["introspectd-bench", "introspectd-resolver"]);
}

#[test]
fn only_the_upstream_opens_connections_to_providers() {
    let pooled = |dependency: &Value| {
        name(dependency) == "reqwest"
            || name(dependency) == "hyper-rustls"
            || name(dependency) == "hickory-resolver"
            || name(dependency) == "hyper-util" && has_feature(dependency, "client-legacy")
    };
    assert_eq!(users_of(pooled), ["introspectd-upstream"]);
}

/// Keeps these crates testable without HTTP.
#[test]
fn crates_of_meaning_use_no_http() {
    let http = |dependency: &Value| {
        ["http", "hyper", "hyper-util", "http-body-util", "tower"].contains(&name(dependency))
    };
    for innocent in [
        "introspectd-core",
        "introspectd-settings",
        "introspectd-jose",
        "introspectd-resolver",
        "introspectd-service",
    ] {
        assert!(!users_of(http).contains(&innocent.to_owned()), "{innocent}");
    }
}

/// Keeps the server usable for anything that answers requests.
#[test]
fn server_takes_nothing_but_time_and_priority_from_core() {
    let allowed = [
        "Clock",
        "ManualClock",
        "SystemClock",
        "Timestamp",
        "give_way",
        "run_while_idle",
    ];
    for file in tracked(".rs")
        .iter()
        .filter(|file| file.starts_with("crates/server/"))
    {
        let text = read(&root().join(file));
        for import in text.split("introspectd_core::").skip(1) {
            let import = import.split([';', '(']).next().unwrap();
            for name in import
                .split(['{', '}', ',', ' ', '\n'])
                .filter(|name| !name.is_empty())
            {
                assert!(allowed.contains(&name), "{file} takes {name} from core");
            }
        }
    }
}

#[test]
fn every_adapter_has_the_same_files() {
    let adapters: Vec<_> = directories(&root().join("crates"))
        .into_iter()
        .filter(|folder| file_name(folder).starts_with("adapter-"))
        .collect();
    assert!(!adapters.is_empty());
    for adapter in adapters {
        let mut sources: Vec<_> = files(&adapter.join("src"))
            .iter()
            .map(|file| file_name(file))
            .collect();
        sources.sort();
        // Reading lists, where it lists.
        sources.retain(|name| name != "list.rs");
        assert_eq!(
            sources,
            ["config.rs", "lib.rs", "wire.rs"],
            "{}",
            adapter.display()
        );
        assert!(
            !files(&adapter.join("testdata")).is_empty(),
            "{} has no testdata",
            adapter.display()
        );
    }
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = read(Path::new(package["manifest_path"].as_str().unwrap()));
        let lints = manifest
            .split_once("[lints]")
            .map(|(_, rest)| rest.trim_start());
        assert!(
            lints.is_some_and(|rest| rest.starts_with("workspace = true")),
            "{}",
            name(&package)
        );
    }
    assert!(read(&root().join("Cargo.toml")).contains("unsafe_code = \"forbid\""));
}

#[test]
fn no_module_is_long_without_a_reason() {
    for file in tracked(".rs")
        .iter()
        .filter(|file| file.starts_with("crates/") && file.contains("/src/"))
    {
        let lines = read(&root().join(file)).lines().count();
        let excused = LONG.iter().any(|(known, _)| known == file);
        assert!(lines <= LONGEST || excused, "{file} has {lines} lines");
    }
}

/// Raw strings are exempt, since their bytes may be compared, and lines with a word that cannot be
/// broken.
#[test]
fn no_line_is_over_100_columns() {
    let mut long = Vec::new();
    for file in tracked(".rs") {
        let source = read(&root().join(&file));
        let raw = lines_of_raw_strings(&source);
        for (number, line) in source.lines().enumerate() {
            let has_long_word = line
                .split_whitespace()
                .any(|word| word.chars().count() > 80);
            if line.chars().count() > 100 && !raw.contains(&number) && !has_long_word {
                long.push(format!("{file}:{}: {line}", number + 1));
            }
        }
    }
    assert!(
        long.is_empty(),
        "these lines are over 100 columns:\n{}",
        long.join("\n")
    );
}

#[test]
fn only_raw_strings_count_as_raw() {
    let source = concat!(
        "let a = (\"provider\", 'r', '\"');\n",
        "// r\"\n",
        "let b = r#\"one \" two\n",
        "three\"#;\n",
        "let c: &'a str = \"\\\" r\";\n",
        "let d = br\"\\\";\n",
        "let e = \"four\";\n",
    );
    let raw: Vec<usize> = lines_of_raw_strings(source).into_iter().collect();
    assert_eq!(raw, [2, 3, 5]);
}

/// Returns the numbers of the lines that a raw string touches, from 0.
fn lines_of_raw_strings(source: &str) -> BTreeSet<usize> {
    // What else may hold quotes is matched first, so that nothing within it is taken for a start.
    static LEXER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?s)//[^\n]*|/\*.*?\*/",
            r#"|(?P<raw>\b[bc]?r(?:"[^"]*"|\#".*?"\#|\#\#".*?"\#\#))"#,
            r#"|"(?:\\.|[^"\\])*"|'(?:\\[^']+|[^'\\\n])'"#,
        ))
        .unwrap()
    });
    let line_of = |at: usize| {
        source.as_bytes()[..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    LEXER
        .captures_iter(source)
        .filter_map(|found| found.name("raw"))
        .flat_map(|raw| line_of(raw.start())..=line_of(raw.end()))
        .collect()
}

/// Compares modules of one folder with each other. A folder's own file may use what is in it, and
/// is used by it.
#[test]
fn modules_do_not_import_each_other_in_circles() {
    let mut circles = Vec::new();
    for folder in directories(&root().join("crates")) {
        for (level, imports) in imports_by_level(&file_name(&folder)) {
            let circle = imports
                .keys()
                .find(|module| reaches(&imports, module, module));
            circles.extend(circle.map(|module| format!("{}: {level}{module}", folder.display())));
        }
    }
    assert!(
        circles.is_empty(),
        "these modules import themselves by way of others:\n{}",
        circles.join("\n")
    );
}

type Imports = BTreeMap<String, BTreeSet<String>>;

/// Imports between the modules of each folder of a crate.
fn imports_by_level(package: &str) -> BTreeMap<String, Imports> {
    let source = format!("crates/{package}/src/");
    let files: BTreeMap<Vec<String>, String> = tracked(".rs")
        .into_iter()
        .filter_map(|file| {
            Some((
                module_path(file.strip_prefix(&source)?),
                read(&root().join(&file)),
            ))
        })
        .filter(|(module, _)| module.last().is_none_or(|name| name != "tests"))
        .collect();
    let is_module = |path: &[String]| files.keys().any(|module| module.starts_with(path));
    let mut levels: BTreeMap<String, Imports> = BTreeMap::new();
    for (module, text) in &files {
        for used in used_paths(module, text) {
            let common = module
                .iter()
                .zip(&used)
                .take_while(|(ours, theirs)| ours == theirs)
                .count();
            let (Some(ours), Some(theirs)) = (module.get(common), used.get(common)) else {
                continue;
            };
            if is_module(&used[..=common]) {
                let level = module[..common]
                    .iter()
                    .map(|name| format!("{name}::"))
                    .collect();
                let imports = levels.entry(level).or_default();
                imports
                    .entry(ours.clone())
                    .or_default()
                    .insert(theirs.clone());
            }
        }
    }
    levels
}

fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if ["lib", "main"].contains(&path) {
        Vec::new()
    } else {
        path.split('/').map(str::to_owned).collect()
    }
}

/// Paths that a module uses outside of its tests, from the crate's root.
fn used_paths(module: &[String], text: &str) -> Vec<Vec<String>> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| [line.trim(), " "]).collect();
    let mut used = Vec::new();
    for (opening, base) in [("crate::", 0), ("super::", module.len().saturating_sub(1))] {
        for (at, _) in code.match_indices(opening) {
            let (before, after) = code.split_at(at);
            // Part of a longer name, or of a path that is counted already.
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let (mut base, mut rest) = (base, after.strip_prefix(opening).unwrap());
            while let Some(further) = rest.strip_prefix("super::") {
                (base, rest) = (base.saturating_sub(1), further);
            }
            let mut tails = Vec::new();
            expand(rest, &mut Vec::new(), &mut tails);
            used.extend(
                tails
                    .into_iter()
                    .map(|tail| [&module[..base], &tail].concat()),
            );
        }
    }
    used
}

/// Expands a path with braces: `a::{b, c::D}` is `a::b` and `a::c::D`. Returns what follows it.
fn expand<'a>(text: &'a str, begin: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let length = begin.len();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                inner = expand(inner, begin, paths);
                // Past the new name of `a as b`.
                inner = inner
                    .split_at(inner.find([',', '}']).unwrap_or(inner.len()))
                    .1;
                match inner.strip_prefix(',') {
                    Some(further) => inner = further,
                    None => break,
                }
            }
            begin.truncate(length);
            return inner.strip_prefix('}').unwrap_or(inner);
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            begin.push(name.to_owned());
        }
        match after.strip_prefix("::") {
            Some(further) if !name.is_empty() => rest = further,
            _ => {
                paths.push(begin.clone());
                begin.truncate(length);
                return after.strip_prefix('*').unwrap_or(after);
            }
        }
    }
}

fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let mut pending: Vec<&String> = imports.get(from).into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    while let Some(module) = pending.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            pending.extend(imports.get(module).into_iter().flatten());
        }
    }
    false
}

#[test]
fn paths_with_braces_are_expanded() {
    let mut paths = Vec::new();
    expand(
        "a::{b as f, c::{D, e::*}, self}; use",
        &mut Vec::new(),
        &mut paths,
    );
    let paths: Vec<_> = paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["a::b", "a::c::D", "a::c::e", "a::self"]);
}

/// Reads only the first line of each doc comment, which has to stand alone.
#[test]
fn first_doc_lines_open_with_a_noun_or_a_verb() {
    let is_checked = |file: &String| {
        let package = file
            .strip_prefix("crates/")
            .and_then(|rest| rest.split('/').next());
        package.is_none_or(|package| !NOT_YET_IN_VOICE.contains(&package))
    };
    let mut offending = Vec::new();
    for file in tracked(".rs").into_iter().filter(is_checked) {
        let text = read(&root().join(&file));
        let mut is_continued = false;
        for (index, line) in text.lines().map(str::trim_start).enumerate() {
            let doc = line
                .strip_prefix("/// ")
                .or_else(|| line.strip_prefix("//! "));
            let opening = doc.and_then(|doc| doc.split(|c: char| !c.is_alphabetic()).next());
            if !is_continued && opening.is_some_and(|word| OPENINGS.contains(&word)) {
                offending.push(format!("{file}:{}: {line}", index + 1));
            }
            is_continued = line.starts_with("///") || line.starts_with("//!");
        }
    }
    assert!(
        offending.is_empty(),
        "these first doc lines do not stand alone:\n{}",
        offending.join("\n")
    );
}

/// Holds the bird's eye view to a size that is read in one sitting.
#[test]
fn architecture_stays_under_200_lines_of_100_columns() {
    let text = read(&root().join("ARCHITECTURE.md"));
    assert!(text.lines().count() < 200, "{} lines", text.lines().count());
    let long = text.lines().position(|line| line.chars().count() > 100);
    assert_eq!(long, None, "a line is over 100 columns");
}

#[test]
fn every_decision_is_one_page_and_in_the_index() {
    let index = read(&root().join("docs/decisions/README.md")).replace("\n  ", " ");
    let pages: Vec<_> = tracked(".md")
        .into_iter()
        .filter(|file| file.starts_with("docs/decisions/") && !file.ends_with("README.md"))
        .collect();
    for (position, page) in pages.iter().enumerate() {
        let text = read(&root().join(page));
        let number = format!("{:03}", position + 1);
        let title = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(&format!("# {number}. ")));
        assert!(
            page.starts_with(&format!("docs/decisions/{number}-")),
            "{page} is not number {number}"
        );
        let title = title.unwrap_or_else(|| panic!("{page} has no title with its number"));
        let file = page.trim_start_matches("docs/decisions/");
        let entry = format!("- [{number}]({file}) {title}");
        assert!(
            index.lines().any(|line| line == entry),
            "docs/decisions/README.md lacks: {entry}"
        );
        let headings: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        assert_eq!(
            headings,
            ["## Context", "## Decision", "## Consequences"],
            "{page}"
        );
        assert!(text.lines().count() <= 60, "{page} is longer than a page");
    }
    assert!(!pages.is_empty());
}

/// Each in one crate of the product: simulators, which share nothing with it, have their own.
#[test]
fn small_shared_functions_have_one_home() {
    let homes = [
        ("is_uuid", "crates/core/src/text.rs"),
        ("is_loopback", "crates/core/src/text.rs"),
        ("indented", "crates/core/src/text.rs"),
        ("rfc3339", "crates/core/src/text.rs"),
        ("harmless", "crates/core/src/text.rs"),
        ("one_line", "crates/core/src/text.rs"),
        ("steers_terminal", "crates/core/src/text.rs"),
        ("read_certificates", "crates/files/src/pem.rs"),
        ("read_key", "crates/files/src/pem.rs"),
        ("resembling", "crates/settings/src/section.rs"),
        ("parse_sha256", "crates/settings/src/secret.rs"),
    ];
    let is_product = |file: &&String| {
        file.starts_with("crates/")
            && file.contains("/src/")
            && !file.ends_with("tests.rs")
            && !file.starts_with("crates/simulators/")
    };
    let sources: Vec<_> = tracked(".rs")
        .iter()
        .filter(is_product)
        .map(|file| (file.clone(), read(&root().join(file))))
        .collect();
    for (function, home) in homes {
        let forms = [format!("fn {function}("), format!("fn {function}<")];
        let found: Vec<_> = sources
            .iter()
            .filter(|(_, text)| forms.iter().any(|form| text.contains(form)))
            .map(|(file, _)| file.as_str())
            .collect();
        assert_eq!(found, [home], "{function} has its home in {home}");
    }
    // The same under another name: a UUID's groups, a PEM file, and a header.
    for (text, homes) in [
        ("8, 4, 4, 4, 12", ["crates/core/src/text.rs"]),
        ("pem_slice_iter", ["crates/files/src/pem.rs"]),
        ("from_pem_slice", ["crates/files/src/pem.rs"]),
        (
            "from_static(\"x-request-id\")",
            ["crates/front/src/context.rs"],
        ),
    ] {
        let found: Vec<_> = sources
            .iter()
            .filter(|(_, it)| it.contains(text))
            .map(|(file, _)| file.as_str())
            .collect();
        assert_eq!(found, homes, "{text}");
    }
}

/// A test that is not run is no test, and one that sleeps is slow today and fails tomorrow.
#[test]
fn no_test_is_ignored_or_sleeps() {
    let ignored = concat!("#[", "ignore");
    let sleeps = concat!("sleep", "(");
    for file in tracked(".rs") {
        let text = read(&root().join(&file));
        assert!(!text.contains(ignored), "{file} ignores a test");
        assert!(
            !(file.starts_with("tests/") && text.contains(sleeps)),
            "{file} sleeps"
        );
    }
}

#[test]
fn no_file_has_unsafe_code() {
    let word = concat!("uns", "afe");
    for file in tracked(".rs") {
        let text = read(&root().join(&file));
        for form in [" {", " fn", " impl", " trait", " extern", "("] {
            assert!(!text.contains(&format!("{word}{form}")), "{file}");
        }
    }
}

/// Searches for paths of the machine that something was built on.
#[test]
fn no_file_names_a_machine() {
    let machine = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    for file in tracked("") {
        // A binary file has no text to search.
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
            continue;
        };
        // PingAM has its top-level realm in each URL.
        let text = text.replace(concat!("/realms", "/ro", "ot/"), "/realms/");
        for path in machine {
            assert!(!text.contains(path), "{file} names {path}");
        }
    }
}

/// Lock files name cargo's own index, and no file names another registry.
#[test]
fn no_file_names_another_registry() {
    // npm's lock file names no place at all.
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    for file in tracked("Cargo.lock")
        .iter()
        .chain(&tracked("package-lock.json"))
    {
        for line in read(&root().join(file)).lines().map(str::trim) {
            let place = line
                .strip_prefix("source = ")
                .or_else(|| line.strip_prefix("\"resolved\": "));
            let known = place.is_none_or(|place| place.trim_matches('"') == index);
            assert!(known, "{file}: {line}");
        }
    }
    for file in tracked("config.toml") {
        let text = read(&root().join(&file));
        assert!(
            !text.contains("[source") && !text.contains("[registr"),
            "{file} names a registry"
        );
    }
    let settings = tracked("")
        .into_iter()
        .find(|file| file.ends_with(".npmrc") || file.ends_with("pip.conf"));
    assert_eq!(settings, None);
}

/// A promise without a test that fails is a wish, and a test that was renamed or went leaves it
/// one.
#[test]
fn every_test_named_by_the_threat_model_exists() {
    let text = read(&root().join("SECURITY.md"));
    let (_, model) = text
        .split_once("\n## Threat model\n")
        .expect("SECURITY.md has a threat model");
    let model = model.split("\n## ").next().unwrap();
    let sources = tracked(".rs");
    let rows: Vec<_> = model
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("**"))
        .collect();
    // The first one is the heading.
    for row in rows.iter().skip(1) {
        let named: Vec<_> = row
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains("::"))
            .collect();
        assert!(!named.is_empty(), "no test is named: {row}");
        for name in named {
            assert!(
                sources.iter().any(|file| holds_test(file, name)),
                "{name} is no test: {row}"
            );
        }
    }
    assert!(rows.len() > 40, "{} rows", rows.len());
}

/// Returns true if this file has the test `crate::file::test`. A crate's name is that of its
/// folder, a file's its own or that of its folder, with as much of the path above as the name
/// gives.
fn holds_test(file: &str, name: &str) -> bool {
    let segments: Vec<_> = name.split("::").collect();
    let [package, place @ .., test] = segments.as_slice() else {
        return false;
    };
    let folder = if *package == "tests" {
        String::new()
    } else {
        "crates/".to_owned()
    };
    let (folder, place) = (
        format!("{folder}{}/", package.replace('_', "-")),
        format!("/{}", place.join("/")),
    );
    let stem = file.trim_end_matches(".rs");
    let stem = stem
        .strip_suffix("/mod")
        .or(stem.strip_suffix("/main"))
        .unwrap_or(stem);
    if !file.starts_with(&folder) || !stem.ends_with(&place) {
        return false;
    }
    let text = read(&root().join(file));
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let begins = |line: &&str| {
        let rest = line
            .split_once("fn ")
            .and_then(|(_, rest)| rest.strip_prefix(test));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let Some(at) = lines.iter().position(begins) else {
        return false;
    };
    let attributed = lines[..at]
        .iter()
        .rev()
        .take_while(|line| line.starts_with("#["));
    // A case of the conformance suite becomes a test where each adapter is listed.
    let listed = || {
        let suite = root().join(file).with_file_name("main.rs");
        suite.is_file()
            && read(&suite)
                .lines()
                .any(|line| line.trim() == format!("{test},"))
    };
    attributed
        .into_iter()
        .any(|line| line.contains("test]") || line.contains("test("))
        || listed()
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The crates that ship and use such a dependency otherwise than in their tests.
fn users_of(is_such: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut users: Vec<_> = packages()
        .iter()
        .filter(|package| name(package) != TESTS)
        .filter(|package| dependencies(package).any(|it| it["kind"] != "dev" && is_such(it)))
        .map(|package| name(package).to_owned())
        .collect();
    users.sort();
    users
}

fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().unwrap().iter()
}

fn has_feature(dependency: &Value, feature: &str) -> bool {
    dependency["features"]
        .as_array()
        .unwrap()
        .iter()
        .any(|name| name == feature)
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

/// Files that are in the repository or about to be, from its root, whose names end so.
fn tracked(ending: &str) -> Vec<String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).unwrap();
    let there = |file: &&str| file.ends_with(ending) && root().join(file).is_file();
    names.split('\0').filter(there).map(str::to_owned).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder).filter(|entry| entry.is_file()).collect()
}

fn directories(folder: &Path) -> Vec<PathBuf> {
    entries(folder).filter(|entry| entry.is_dir()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
