//! Text from elsewhere, made safe for a terminal.
//!
//! Somebody may have chosen it so that a terminal obeys it: clears the screen, types, or shows the letters in another
//! order than they stand.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Writes out what a terminal would obey, but for line feeds and tabs, as JSON does (`\u001b`), so that JSON stays JSON.
pub fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |c| steers_terminal(c) && !matches!(c, '\n' | '\t'))
}

/// Writes out line breaks, too: for a text that must stay on its line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, steers_terminal)
}

/// Returns whether a terminal would obey the character: controls, and what turns the direction of writing or breaks a
/// line.
pub fn steers_terminal(c: char) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_turns_of_direction_are_written_out() {
        assert_eq!(harmless("a\u{1b}[2J\u{9b}m\u{7f}\rb"), "a\\u001b[2J\\u009bm\\u007f\\u000db");
        assert_eq!(harmless("user\u{202e}nimda \u{2066}\u{200f}"), "user\\u202enimda \\u2066\\u200f");
        assert_eq!(harmless("two\n\tlines, é 日本"), "two\n\tlines, é 日本");
        assert_eq!(one_line("two\n\tlines\u{2028}"), "two\\u000a\\u0009lines\\u2028");
    }
}
