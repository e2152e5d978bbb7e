use std::fs;
use std::io;
use std::iter::once;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, roman};

use super::{Exit, Outcome, Stopped, print};

/// Print the manual page, or write all of them: one for the program and one for each command.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Man {
    /// Write introspectd.1 and a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  introspectd man | man -l -
  introspectd man --dir /usr/local/share/man/man1";

impl Man {
    /// Prints or writes the manual pages of `program`.
    pub(crate) fn run(self, program: Command) -> Outcome {
        let mut program = program.disable_help_subcommand(true);
        program.build();
        match self.dir {
            None => print(&page(&program).map_err(|error| Stopped::usage(error.to_string()))?)?,
            Some(folder) => write_all(&program, &folder).map_err(|error| {
                Stopped::usage(format!("cannot write into {}: {error}", folder.display()))
            })?,
        }
        Ok(Exit::Fine)
    }
}

fn write_all(program: &Command, folder: &Path) -> io::Result<()> {
    for command in once(program).chain(program.get_subcommands()) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    }
    Ok(())
}

/// Renders the sections of the generator's own page, but for the last, which would join the lines
/// of examples.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let source = concat!("introspectd ", env!("CARGO_PKG_VERSION"));
    let page = Page::new(command.clone())
        .source(source)
        .manual("introspectd");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    examples(command).to_writer(&mut text)?;
    Ok(ascii(&String::from_utf8_lossy(&text)).into_bytes())
}

/// Renders the end of `--help` with its line breaks. A line such as `Examples:` begins a section.
fn examples(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let Some(text) = command.get_after_help() else {
        return roff;
    };
    for line in text.to_string().lines() {
        match line
            .strip_suffix(':')
            .filter(|title| !title.starts_with(' '))
        {
            Some(title) => roff
                .control("SH", [title.to_uppercase().as_str()])
                .control("nf", []),
            None => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
    roff
}

/// Escapes other letters for roff: not every reader of the page assumes UTF-8.
fn ascii(page: &str) -> String {
    let named = |c: char| {
        if c.is_ascii() {
            c.to_string()
        } else {
            format!("\\[u{:04X}]", u32::from(c))
        }
    };
    page.chars().map(named).collect()
}
