//! JSON at a terminal: a line for each member, and nothing that the terminal obeys.

use std::io::{self, IsTerminal};
use std::iter::repeat_n;

use introspectd_core::text::harmless;

use super::{Stopped, say};

/// An answer in JSON: as it came, or, at a terminal, indented and [`harmless`].
pub fn say_json(body: &[u8]) -> Result<(), Stopped> {
    let body = String::from_utf8_lossy(body);
    if io::stdout().is_terminal() { say(&harmless(&indented(&body))) } else { say(&body) }
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
    use introspectd_core::text::steers_terminal;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

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
            prop_assert!(!shown.chars().any(|c| steers_terminal(c) && c != '\n'));
        }
    }
}
