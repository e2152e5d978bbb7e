//! A page of the documentation, and the files that stand in it.

use std::path::Path;

/// A page whose fenced blocks are files: the second word after the fence is the name (` ```nginx nginx.conf `).
///
/// A block in `diff` changes a file of the page to the alternative that the page describes: a Unix
/// socket that names the caller.
pub(crate) struct Page {
    name: &'static str,
    blocks: Vec<Block>,
}

struct Block {
    language: String,
    file: String,
    text: String,
}

impl Page {
    /// Of `docs/gateways`.
    pub(crate) fn read(name: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gateways").join(name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name, blocks: blocks(&text) }
    }

    /// Names and texts of all files that it shows whole.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        self.whole().map(|block| (block.file.clone(), block.text.clone())).collect()
    }

    /// The same, with the alternative's changes made.
    pub(crate) fn files_of_the_alternative(&self) -> Vec<(String, String)> {
        let mut files = self.files();
        for change in self.blocks.iter().filter(|block| block.language == "diff") {
            let file = files.iter_mut().find(|(name, _)| *name == change.file);
            let (name, text) =
                file.unwrap_or_else(|| panic!("{} changes {}, and does not show it", self.name, change.file));
            *text = changed(name, text, &change.text);
        }
        files
    }

    fn whole(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.language != "diff" && !block.file.is_empty())
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut words = info.split_whitespace().map(str::to_owned);
        let (language, file) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let inside: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(Block { language, file, text: inside.join("\n") + "\n" });
    }
    blocks
}

/// Each run of `-` lines must stand in the text exactly once; the `+` lines after it take its place.
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
        assert_eq!(text.matches(&old).count(), 1, "in {name}, this does not stand once:\n{old}");
        text = text.replace(&old, &new);
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
fn a_change_is_made_where_it_says() {
    assert_eq!(changed("x", "a\n  b\nc\n", "-  b\n+  d\n+  e\n\n-c\n"), "a\n  d\n  e\n");
}

#[test]
#[should_panic(expected = "does not stand once")]
fn a_change_of_what_is_not_there_is_a_mistake() {
    changed("x", "a\n", "-b\n+c\n");
}

#[test]
fn a_block_is_a_file_where_it_has_a_name() {
    let page = Page {
        name: "x",
        blocks: blocks(
            "# t\n```toml a.toml\nx = 1\n```\n\n```sh\nls\n```\n```diff a.toml\n-x = 1\n+x = 2\n```\n",
        ),
    };
    assert_eq!(page.files(), [("a.toml".to_owned(), "x = 1\n".to_owned())]);
    assert_eq!(page.files_of_the_alternative(), [("a.toml".to_owned(), "x = 2\n".to_owned())]);
}
