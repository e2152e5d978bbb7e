//! What a terminal is shown. Names and texts come from upstream, where somebody may have chosen them so that a terminal
//! obeys them: clears the screen, types, or shows the letters in another order than they stand.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::iter::repeat_n;

use super::{Stopped, say};

/// A text of several lines. What a terminal would obey is written as JSON writes it (`\u001b`), so that JSON stays JSON.
pub fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// As [`harmless`], of a text that must stay on its line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

/// An answer in JSON: as it came, or, at a terminal, indented and [`harmless`].
pub fn say_json(body: &[u8]) -> Result<(), Stopped> {
    let body = String::from_utf8_lossy(body);
    if io::stdout().is_terminal() { say(&harmless(&indented(&body))) } else { say(&body) }
}

/// Control characters, and those that turn the direction of writing or break a line.
fn is_obeyed(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 5);
    for c in text.chars() {
        if is_bad(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// JSON with a line for each member. Members keep their order and numbers their digits, since nothing is read.
pub fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut after_backslash) = (0_usize, false, false);
    for c in json.chars() {
        if in_string {
            text.push(c);
            in_string = c != '"' || after_backslash;
            after_backslash = c == '\\' && !after_backslash;
            continue;
        }
        match c {
            ' ' | '\n' | '\r' | '\t' => {}
            '{' | '[' => {
                depth += 1;
                text.push(c);
                start_line(&mut text, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                let so_far = text.trim_end().len();
                text.truncate(so_far);
                if !text.ends_with(['{', '[']) {
                    start_line(&mut text, depth);
                }
                text.push(c);
            }
            ',' => {
                text.push(c);
                start_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => {
                in_string = c == '"';
                text.push(c);
            }
        }
    }
    text
}

/// No deeper than anybody reads: an answer may be nested a million times.
fn start_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(repeat_n("  ", depth.min(32)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(harmless("a\u{1b}[2J\u{9b}m\u{7f}\rb"), "a\\u001b[2J\\u009bm\\u007f\\u000db");
        assert_eq!(harmless("user\u{202e}nimda \u{2066}\u{200f}"), "user\\u202enimda \\u2066\\u200f");
        assert_eq!(harmless("two\n\tlines, é 日本"), "two\n\tlines, é 日本");
        assert_eq!(one_line("two\n\tlines\u{2028}"), "two\\u000a\\u0009lines\\u2028");
    }

    #[test]
    fn json_has_a_line_for_each_member() {
        let json = r#"{"b":[],"a":[1,{"c":"x,\"{:\\"}],"n":12345678901234567890.10,"o":{ }}"#;
        let expected = r#"{
  "b": [],
  "a": [
    1,
    {
      "c": "x,\"{:\\"
    }
  ],
  "n": 12345678901234567890.10,
  "o": {}
}"#;
        assert_eq!(indented(json), expected);
        assert_eq!(indented(expected), expected);
    }

    #[test]
    fn what_is_nested_without_end_is_not_indented_without_end() {
        let deep = "[".repeat(100_000);
        assert!(indented(&deep).len() < 70 * deep.len());
    }

    proptest! {
        #[test]
        fn json_stays_the_same_json(text in any::<String>(), number in any::<i64>()) {
            let value = serde_json::json!({"a": [&text, {&text: number}], "b": {}});
            let shown = harmless(&indented(&value.to_string())).into_owned();
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
            prop_assert!(!shown.chars().any(|c| is_obeyed(c) && c != '\n'));
        }
    }
}
