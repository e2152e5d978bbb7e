//! Shapes of text that several crates need: safe for a terminal, indented, a UUID, a loopback host.
//!
//! Text from elsewhere may steer a terminal: clear its screen, type into it, or reorder letters.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::iter::repeat_n;
use std::net::IpAddr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Timestamp;

/// Escapes everything that steers a terminal, but for line feeds and tabs, as JSON does (`\u001b`),
/// so that JSON is still JSON.
pub fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |c| steers_terminal(c) && !matches!(c, '\n' | '\t'))
}

/// Escapes line breaks as well, for text that must remain on one line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, steers_terminal)
}

/// Returns true for a character that steers a terminal: controls, changes of the writing direction,
/// and line breaks.
pub fn steers_terminal(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
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

/// Indents JSON, with a line for each member. Members keep their order and numbers their digits,
/// since nothing is parsed; text that is not JSON is still not JSON.
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

/// Starts a line, indented up to a limit: an answer may be nested a million times.
fn start_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(repeat_n("  ", depth.min(32)));
}

/// Returns true for a hyphenated UUID, in any case.
pub fn is_uuid(text: &str) -> bool {
    let digits = |group: &str| {
        group
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then_some(group.len())
    };
    text.split('-').map(digits).eq([8, 4, 4, 4, 12].map(Some))
}

/// Returns true for `localhost` and for addresses of this machine. IPv6 addresses may be in
/// brackets.
pub fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Formats a time as RFC 3339, in UTC.
pub fn rfc3339(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time.seconds()).ok();
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn controls_and_turns_of_direction_are_written_out() {
        assert_eq!(
            harmless("a\u{1b}[2J\u{9b}m\u{7f}\rb"),
            "a\\u001b[2J\\u009bm\\u007f\\u000db"
        );
        assert_eq!(
            harmless("user\u{202e}nimda \u{2066}\u{200f}"),
            "user\\u202enimda \\u2066\\u200f"
        );
        assert_eq!(harmless("two\n\tlines, é 日本"), "two\n\tlines, é 日本");
        assert_eq!(one_line("\n"), "\\u000a");
        assert_eq!(
            one_line("two\n\tlines\u{2028}"),
            "two\\u000a\\u0009lines\\u2028"
        );
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
    fn deep_nesting_is_not_indented_without_end() {
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

    #[test]
    fn text_that_is_not_json_is_still_not_json() {
        for text in ["", "}", "<html>", "\"", "\\"] {
            assert!(indented(text).ends_with(text), "{text}");
        }
    }

    #[test]
    fn uuid_is_five_groups_of_hexadecimal_digits() {
        assert!(
            is_uuid("249a0a2e-028a-4e15-a841-de9fd4e4cd84")
                && is_uuid("249A0A2E-028A-4E15-A841-DE9FD4E4CD84")
        );
        for other in [
            "",
            "249a0a2e028a4e15a841de9fd4e4cd84",
            "249a0a2e-028a-4e15-a841-de9fd4e4cd8",
            "249a0a2e-028a-4e15-a841-de9fd4e4cd84-",
            "{249a0a2e-028a-4e15-a841-de9fd4e4cd84}",
            "249g0a2e-028a-4e15-a841-de9fd4e4cd84",
        ] {
            assert!(!is_uuid(other), "{other}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        assert!(
            [
                "localhost",
                "LOCALHOST",
                "127.0.0.1",
                "127.9.9.9",
                "::1",
                "[::1]"
            ]
            .into_iter()
            .all(is_loopback)
        );
        assert!(
            ![
                "",
                "localhost.example",
                "127.0.0.1.example",
                "10.0.0.1",
                "[::2]",
                "[::1",
                "0.0.0.0"
            ]
            .into_iter()
            .any(is_loopback)
        );
    }

    #[test]
    fn time_is_in_utc() {
        let time = Timestamp::from_seconds(1_409_946_380).unwrap();
        assert_eq!(rfc3339(time), "2014-09-05T19:46:20Z");
        assert_eq!(rfc3339(Timestamp::MAX), "9999-12-31T23:59:59Z");
    }
}
