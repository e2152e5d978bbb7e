use std::borrow::Cow;

use serde_json::value::RawValue;

use super::page::{End, Form, Page};
use crate::Stopped;
use introspectd_core::text::harmless;

/// All pages as one object, of the shape of one answer, with a line for each record.
pub(super) struct Json {
    at_terminal: bool,
    is_begun: bool,
}

impl Json {
    pub(super) fn new(at_terminal: bool) -> Self {
        Self {
            at_terminal,
            is_begun: false,
        }
    }
}

impl Form for Json {
    fn page(&mut self, page: &Page) -> Result<String, Stopped> {
        let mut text = String::new();
        for record in &page.tokens {
            text.push_str(if self.is_begun {
                ",\n"
            } else {
                "{\"tokens\":[\n"
            });
            text.push_str(&line(record, self.at_terminal));
            self.is_begun = true;
        }
        Ok(text)
    }

    fn end(&mut self, end: &End) -> String {
        let begun = if self.is_begun {
            "\n]"
        } else {
            "{\"tokens\":[]"
        };
        let end = serde_json::to_string(end).unwrap_or_default();
        let end = if self.at_terminal {
            harmless(&end)
        } else {
            Cow::Borrowed(&*end)
        };
        format!("{begun},{}\n", end.trim_start_matches('{'))
    }
}

/// A record a line, and nothing else.
pub(super) struct Lines {
    at_terminal: bool,
}

impl Lines {
    pub(super) fn new(at_terminal: bool) -> Self {
        Self { at_terminal }
    }
}

impl Form for Lines {
    fn page(&mut self, page: &Page) -> Result<String, Stopped> {
        Ok(page
            .tokens
            .iter()
            .map(|record| line(record, self.at_terminal) + "\n")
            .collect())
    }

    fn end(&mut self, _: &End) -> String {
        String::new()
    }
}

/// The record as it came. A line break in JSON is outside of its strings, and means nothing.
fn line(record: &RawValue, at_terminal: bool) -> String {
    let line = record.get().replace(['\n', '\r'], " ");
    if at_terminal {
        harmless(&line).into_owned()
    } else {
        line
    }
}
