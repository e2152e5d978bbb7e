//! A page of the documentation, and the files that stand in it.

use std::collections::BTreeMap;
use std::path::Path;

/// A page whose fenced blocks are files: the second word after the fence is the name (` ```nginx
/// nginx.conf `).
///
/// A block in `diff` changes a file of the page to an alternative that the page describes: a Unix
/// socket that names the caller, or, with the third word `preflight`, one that lets browsers of
/// another origin ask before they send a token, with `bound` one for DPoP, with `certificate` one
/// for mutual TLS.
pub(crate) struct Page {
    blocks: Vec<Block>,
}

/// The alternative of a Unix socket.
pub(crate) const SOCKET: &str = "";
/// The alternative for browsers of another origin.
pub(crate) const PREFLIGHT: &str = "preflight";
/// The alternative for tokens that are bound to a key by DPoP.
pub(crate) const BOUND: &str = "bound";
/// The alternative for tokens that are bound to a client's certificate.
pub(crate) const CERTIFICATE: &str = "certificate";

/// Names and texts of the files that stand on a page.
pub(crate) struct Files(BTreeMap<String, String>);

struct Block {
    language: String,
    file: String,
    alternative: String,
    text: String,
}

/// Folder of the pages.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gateways");

impl Page {
    /// Reads a page of `docs/gateways`.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(FOLDER).join(name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            blocks: blocks(&text),
        }
    }

    /// All files that it shows whole.
    pub(crate) fn files(&self) -> Files {
        Files(
            self.whole()
                .map(|block| (block.file.clone(), block.text.clone()))
                .collect(),
        )
    }

    /// The same, with the changes of this alternative made.
    pub(crate) fn files_of(&self, alternative: &str) -> Files {
        let mut files = self.files();
        let is_meant =
            |block: &&Block| block.language == "diff" && block.alternative == alternative;
        for change in self.blocks.iter().filter(is_meant) {
            let text = files.text(&change.file);
            *text = changed(&change.file, text, &change.text);
        }
        files
    }

    fn whole(&self) -> impl Iterator<Item = &Block> {
        self.blocks
            .iter()
            .filter(|block| block.language != "diff" && !block.file.is_empty())
    }
}

impl Files {
    /// Puts `new` in the place of `old`, which must stand in the file exactly once.
    pub(crate) fn replace(&mut self, file: &str, old: &str, new: &str) {
        let text = self.text(file);
        *text = replaced(file, text, old, new);
    }

    /// Puts this behind the end of a file.
    pub(crate) fn append(&mut self, file: &str, text: &str) {
        self.text(file).push_str(text);
    }

    /// Adds a file that the page does not show.
    pub(crate) fn add(&mut self, file: &str, text: String) {
        self.0.insert(file.to_owned(), text);
    }

    /// Takes a file out.
    pub(crate) fn take(&mut self, file: &str) -> String {
        self.0
            .remove(file)
            .unwrap_or_else(|| panic!("the page shows no {file}"))
    }

    /// Returns true if any file contains this.
    pub(crate) fn hold(&self, text: &str) -> bool {
        self.0.values().any(|file| file.contains(text))
    }

    fn text(&mut self, file: &str) -> &mut String {
        self.0
            .get_mut(file)
            .unwrap_or_else(|| panic!("the page shows no {file}"))
    }
}

impl IntoIterator for Files {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

fn replaced(file: &str, text: &str, old: &str, new: &str) -> String {
    assert_eq!(
        text.matches(old).count(),
        1,
        "in {file}, this does not stand once:\n{old}"
    );
    text.replace(old, new)
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let mut words = info.split_whitespace().map(str::to_owned);
        let [language, file, alternative] = [(); 3].map(|()| words.next().unwrap_or_default());
        let inside: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(Block {
            language,
            file,
            alternative,
            text: inside.join("\n") + "\n",
        });
    }
    blocks
}

/// Each run of `-` lines must stand in the text exactly once; the `+` lines after it take its
/// place.
fn changed(name: &str, text: &str, diff: &str) -> String {
    let mut text = text.to_owned();
    let mut lines = diff.lines().peekable();
    while lines.peek().is_some() {
        let old = run(&mut lines, '-');
        let new = run(&mut lines, '+');
        // Context, or an empty line between two changes.
        if old.is_empty() && new.is_empty() {
            lines.next();
            continue;
        }
        text = replaced(name, &text, &old, &new);
    }
    text
}

fn run<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>, sign: char) -> String {
    let mut run = String::new();
    while let Some(line) = lines.next_if(|line| line.starts_with(sign)) {
        run.push_str(line.get(1..).unwrap_or_default());
        run.push('\n');
    }
    run
}

#[test]
fn every_page_is_in_the_index_table() {
    let first = std::fs::read_to_string(Path::new(FOLDER).join("README.md")).unwrap();
    let names = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|file| file.unwrap().file_name());
    for name in names.filter(|name| name != "README.md") {
        assert!(
            first.contains(&format!("]({})", name.display())),
            "{name:?}"
        );
    }
}

#[test]
fn changes_apply_where_they_say() {
    assert_eq!(
        changed("x", "a\n  b\nc\n", "-  b\n+  d\n+  e\n\n-c\n"),
        "a\n  d\n  e\n"
    );
}

#[test]
#[should_panic(expected = "does not stand once")]
fn change_of_missing_text_panics() {
    changed("x", "a\n", "-b\n+c\n");
}

#[test]
fn named_blocks_become_files() {
    let page = "# t\n```toml a.toml\nx = 1\n```\n\n```sh\nls\n```\n```diff a.toml\n-x = 1\n+x = \
        2\n```\n\
                ```diff a.toml preflight\n-x = 1\n+x = 3\n```\n";
    let page = Page {
        blocks: blocks(page),
    };
    assert_eq!(
        page.files().0,
        [("a.toml".to_owned(), "x = 1\n".to_owned())].into()
    );
    for (alternative, text) in [(SOCKET, "x = 2\n"), (PREFLIGHT, "x = 3\n")] {
        assert_eq!(
            page.files_of(alternative).0,
            [("a.toml".to_owned(), text.to_owned())].into()
        );
    }
}
