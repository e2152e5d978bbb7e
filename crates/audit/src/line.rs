use std::borrow::Cow;
use std::fmt::Write;

use introspectd_core::Timestamp;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A JSON object on a line of its own, which no value breaks.
pub fn line(object: &impl Serialize) -> Vec<u8> {
    // Fails for maps with keys that are no strings, and there is none.
    let mut line = harmless(&serde_json::to_string(object).unwrap_or_default());
    line.push('\n');
    line.into_bytes()
}

/// JSON that stays on its line, and steers no terminal on which somebody reads it: not every reader breaks lines at a
/// line feed alone, and serde writes only ASCII's own control characters out. Outside of strings JSON has none of these.
fn harmless(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}') {
            let _ = write!(harmless, "\\u{:04x}", u32::from(c));
        } else {
            harmless.push(c);
        }
    }
    harmless
}

/// A time as RFC 3339 writes it, in UTC.
pub fn rfc3339(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time.seconds()).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// In bytes, so that the lines that wait take no more memory than they should.
const LONGEST: usize = 256;

/// At most 256 bytes of a text, and an ellipsis where it is cut.
pub fn brief(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let kept = text.floor_char_boundary(LONGEST);
    format!("{}…", text.get(..kept).unwrap_or_default()).into()
}
