//! JSON objects without repeated members.
//!
//! Readers differ in which of two members they take, so two parties would see two tokens
//! (RFC 7515 section 4, RFC 7519 section 4).

use std::borrow::Cow;

use introspectd_core::{Json, Members, RawMembers};
use serde_json::value::RawValue;

/// Deepest nesting. Each level is another pass over its text.
const MAX_DEPTH: usize = 32;

/// Reason why bytes are not an object that means one thing only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not UTF-8, not JSON, no object, nested too deep, or a string with a lone surrogate.
    #[error("not a JSON object")]
    NotAnObject,
    /// A name that occurs twice in one object, at any depth.
    #[error("a repeated member")]
    Repeated,
}

/// Reads an object.
pub(crate) fn object(bytes: &[u8]) -> Result<Members, Unreadable> {
    // As a whole first: names are read as bytes, which may be what no text is.
    let raw: &RawValue = serde_json::from_slice(bytes).map_err(|_| Unreadable::NotAnObject)?;
    members(MAX_DEPTH, raw_object(raw.get().as_bytes())?)
}

/// Reads the members of an object, each one unread.
pub(crate) fn raw_object(bytes: &[u8]) -> Result<RawMembers<'_>, Unreadable> {
    // Names are read as bytes, so that what is not UTF-8 would be left out instead of refused.
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::NotAnObject)?;
    let object: RawMembers<'_> = serde_json::from_str(text).map_err(|_| Unreadable::NotAnObject)?;
    if object.repeated.is_empty() {
        Ok(object)
    } else {
        Err(Unreadable::Repeated)
    }
}

fn members(depth: usize, object: RawMembers<'_>) -> Result<Members, Unreadable> {
    let depth = depth.checked_sub(1).ok_or(Unreadable::NotAnObject)?;
    let member = |(name, raw): (Cow<'_, str>, _)| Ok((name.into_owned(), value(depth, raw)?));
    object.members.into_iter().map(member).collect()
}

fn value(depth: usize, raw: &RawValue) -> Result<Json, Unreadable> {
    let text = raw.get();
    if text.starts_with('{') {
        return members(depth, raw_object(text.as_bytes())?).map(Json::Object);
    }
    let below = depth.checked_sub(1).ok_or(Unreadable::NotAnObject)?;
    if text.starts_with('[') {
        let items: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|_| Unreadable::NotAnObject)?;
        let items = items.into_iter().map(|raw| value(below, raw));
        return items.collect::<Result<_, _>>().map(Json::Array);
    }
    Json::read(raw).ok_or(Unreadable::NotAnObject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_member_is_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[[{"a":1,"a":2}]]}"#,
        ] {
            assert_eq!(object(text.as_bytes()), Err(Unreadable::Repeated), "{text}");
        }
        let apart = object(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).unwrap();
        assert_eq!(apart.iter().count(), 2);
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        let texts: &[&[u8]] = &[
            b"",
            b"null",
            b"[]",
            b"[{}]",
            b"1",
            b"\"{}\"",
            b"{}{}",
            b"{}x",
            b"{\"a\":1,}",
            b"\xef\xbb\xbf{}",
            b"{\"\xff\":1}",
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
            b"{\"a\":01}",
            b"{'a':1}",
            b"{\"a\n\":1}",
            b"{\"a\":\"\n\"}",
        ];
        for text in texts {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(object(text), Err(Unreadable::NotAnObject), "{shown}");
        }
        assert!(object(b" {} ").unwrap().is_empty());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| {
            let text = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            object(text.as_bytes())
        };
        assert!(nested(MAX_DEPTH - 1).is_ok());
        assert_eq!(nested(MAX_DEPTH), Err(Unreadable::NotAnObject));
    }
}
