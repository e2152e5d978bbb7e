use std::borrow::Cow;

use introspectd_core::text::one_line;
use serde::Serialize;

/// A JSON object on a line of its own, which no value breaks.
pub(crate) fn line(object: &impl Serialize) -> Vec<u8> {
    // Fails for maps with keys that are no strings, and there is none.
    let json = serde_json::to_string(object).unwrap_or_default();
    // Not every reader breaks lines at a line feed alone, and serde writes only ASCII's own control
    // characters out. Outside of strings JSON has none of these.
    let mut line = one_line(&json).into_owned();
    line.push('\n');
    line.into_bytes()
}

/// Longest text of a line, in bytes, so that the lines that wait take no more memory than they
/// should.
const LONGEST: usize = 256;

/// Cuts a text after 256 bytes at most, with an ellipsis.
pub(crate) fn brief(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let kept = text.floor_char_boundary(LONGEST);
    format!("{}…", text.get(..kept).unwrap_or_default()).into()
}
