//! Layout of the demo's output.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use introspectd_core::text::indented;

use crate::expected::{Body, Expected, header};
use crate::output::say;
use crate::scene::Scene;
use crate::steps::{Group, Step};

/// Speaks in colours where there is a terminal that shows them.
pub(crate) struct Voice {
    colours: bool,
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Command,
    Good,
    Bad,
}

impl Voice {
    pub(crate) fn of_terminal() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            colours: io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        }
    }

    /// Prints the servers and their addresses.
    pub(crate) fn opening(&self, scene: &Scene) {
        say("\nintrospectd is up, in front of a simulator of each vendor:\n");
        self.table(&scene.table());
        say(&format!("\n  configuration  {}", scene.configuration));
        say(&format!("  log            {}", scene.server.log()));
    }

    /// Prints what runs: name, kind and URL.
    pub(crate) fn table(&self, rows: &[[String; 3]]) {
        let row = |name: &str, kind: &str, url: &str| format!("  {name:<8}{kind:<13}{url}");
        say(&self.paint(Style::Dim, &row("name", "kind", "url")));
        for [name, kind, url] in rows {
            say(&row(name, kind, url));
        }
    }

    /// Prints the lines to paste.
    pub(crate) fn lines(&self, scene: &Scene, groups: &[Group]) {
        say("\nPaste these lines into another terminal, one after the other.");
        let mut number = 0;
        for group in groups {
            self.heading(group);
            for step in &group.steps {
                number += 1;
                self.step(number, step, scene.ports.api());
                say(&self.paint(Style::Dim, &format!("    → {}", step.expected)));
            }
        }
        say(
            "\nThe sample tokens were issued just now. The first to end is Apigee's, in half an \
                hour.",
        );
        self.stops();
    }

    /// Prints how the demo is ended.
    pub(crate) fn stops(&self) {
        say(&format!(
            "{} stops everything.",
            self.paint(Style::Bold, "Ctrl-C")
        ));
    }

    pub(crate) fn heading(&self, group: &Group) {
        say(&format!(
            "\n\n{}",
            self.paint(Style::Bold, &group.heading.to_uppercase())
        ));
        wrapped(group.shows).iter().for_each(|line| say(line));
    }

    /// The question, as a line to paste.
    pub(crate) fn step(&self, number: usize, step: &Step, api: SocketAddr) {
        self.title(number, step.title, step.shows);
        self.command(&step.ask.curl(api));
    }

    pub(crate) fn title(&self, number: usize, title: &str, shows: &str) {
        say(&format!(
            "\n{number:>2}. {}",
            self.paint(Style::Bold, title)
        ));
        for line in wrapped(shows) {
            say(&format!("    {line}"));
        }
    }

    /// A line for a shell.
    pub(crate) fn command(&self, line: &str) {
        say(&format!("    {}", self.paint(Style::Command, line)));
    }

    /// The answer, and whether it is as documented.
    pub(crate) fn answer(&self, answer: &Response<Bytes>, expected: &Expected) -> bool {
        let mut head = format!("HTTP {}", answer.status());
        for name in ["X-Cache"].into_iter().chain(expected.header) {
            if let value @ [_, ..] = header(answer, name).as_bytes() {
                head += &format!("   {name}: {}", String::from_utf8_lossy(value));
            }
        }
        say(&format!("\n    {head}"));
        if let Body::Identity(headers) = &expected.body {
            headers
                .iter()
                .for_each(|(name, _)| say(&format!("    {name}: {}", header(answer, name))));
        }
        let body = String::from_utf8_lossy(answer.body());
        // What is short, {"active":false} above all, is shown to the byte.
        let shown = if body.len() < 40 {
            body.into_owned()
        } else {
            indented(&body)
        };
        for line in shown.lines() {
            say(&format!("    {line}"));
        }
        self.judge(&expected.differences(answer), "as documented")
    }

    /// Prints differences, or that there are none.
    pub(crate) fn judge(&self, differences: &[String], right: &str) -> bool {
        if differences.is_empty() {
            say(&format!("    {} {right}", self.paint(Style::Good, "✓")));
        }
        for difference in differences {
            say(&format!("    {} {difference}", self.paint(Style::Bad, "✗")));
        }
        differences.is_empty()
    }

    /// Nothing came back, which is never as documented.
    pub(crate) fn no_answer(&self, failure: &str, expected: &Expected) -> bool {
        say(&format!(
            "\n    {} expected {expected}, got {failure}",
            self.paint(Style::Bad, "✗")
        ));
        false
    }

    pub(crate) fn summary(&self, right: usize, count: usize, what: &str) {
        let style = if right == count {
            Style::Good
        } else {
            Style::Bad
        };
        say(&format!(
            "\n{}",
            self.paint(style, &format!("{right} of {count} {what}"))
        ));
    }

    fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Command => "36",
            Style::Good => "32",
            Style::Bad => "31",
        };
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Wraps text for a terminal of eighty columns.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => word.clone_into(line),
            Some(line) if line.chars().count() + word.chars().count() < 76 => {
                *line += &format!(" {word}")
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
