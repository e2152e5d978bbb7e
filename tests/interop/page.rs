//! Pages of `docs/providers`, and the sections that stand on them to be pasted.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use introspectd::Config;

use crate::servers;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers");

/// Sentence of a page whose section is tested.
const RUN: &str = "The tests run this section against";
const READ: &str = "From their documentation";

/// Section that the page of this name shows to be pasted.
pub(crate) fn section(page: &str) -> String {
    block(page, "toml introspectd.toml")
}

/// Text of all blocks of a page behind this fence.
pub(crate) fn block(page: &str, fence: &str) -> String {
    let text = text(page);
    let fence = format!("```{fence}\n");
    let blocks: Vec<_> = text
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    assert!(!blocks.is_empty(), "{page} shows no {fence}");
    blocks.concat()
}

/// The environment variables that a section takes its secrets from.
pub(crate) fn variables(section: &str) -> BTreeSet<&str> {
    section
        .split("env = \"")
        .skip(1)
        .map(|rest| rest.split_once('"').unwrap().0)
        .collect()
}

fn text(page: &str) -> String {
    let path = Path::new(FOLDER).join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages() -> Vec<String> {
    let names = fs::read_dir(FOLDER)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "README.md").collect();
    names.sort();
    names
}

#[test]
fn every_pasted_section_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    for page in pages() {
        let section = section(&page);
        let environment: HashMap<_, _> = variables(&section)
            .into_iter()
            .map(|name| (name.to_owned(), format!("secret of {name}")))
            .collect();
        let file = folder.path().join(&page).with_extension("toml");
        fs::write(&file, &section).unwrap();
        let loaded = Config::load(&file, &environment);
        let (config, _) = loaded.unwrap_or_else(|problems| panic!("{page}: {problems}"));
        assert!(
            !config.providers.is_empty(),
            "{page} configures no provider"
        );
    }
}

#[test]
fn every_page_states_if_its_section_is_tested() {
    for page in pages() {
        let text = text(&page);
        let run = text.contains(RUN);
        let read = text.contains(READ);
        assert_eq!(run, servers::PAGES.contains(&page.as_str()), "{page}");
        assert_ne!(run, read, "{page} says both or neither");
    }
}

#[test]
fn every_page_links_a_public_page_and_names_what_goes_wrong() {
    for page in pages() {
        let text = text(&page);
        assert!(text.contains("](https://"), "{page} links nothing");
        for heading in [
            "## Paste",
            "## What it asks of our client",
            "## What goes wrong",
        ] {
            assert!(text.contains(heading), "{page} lacks {heading:?}");
        }
    }
}

#[test]
fn index_names_every_page_and_its_test() {
    let index = text("README.md");
    for page in pages() {
        let row = index
            .lines()
            .find(|line| line.contains(&format!("]({page})")));
        let row = row.unwrap_or_else(|| panic!("the index lacks {page}"));
        let tested = if servers::PAGES.contains(&page.as_str()) {
            "tests"
        } else {
            "documentation"
        };
        assert!(row.contains(tested), "{page}: {row}");
    }
}
