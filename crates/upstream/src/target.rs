use http::Uri;
use introspectd_settings::Section;

use crate::address::{Address, InvalidAddress, Refused, Segment, pairs};

/// URL of a described request, in which one whole segment of the path may be left open.
///
/// It is sent byte for byte as written. [`Segment`] is the only way of an identifier into its path;
/// a query carries any text, percent-encoded.
#[derive(Debug, Clone)]
pub struct Target {
    /// Address with a letter in place of the open segment.
    address: Address,
    before: String,
    /// Rest of the URL behind the open segment; `None` if no segment is open.
    after: Option<String>,
}

/// Reason why a text is no URL of a described request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// Text that is no address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Placeholder in the scheme, the authority or the query, or as part of a segment.
    #[error("holds a placeholder that is not a whole segment of the path")]
    Place,
    /// Placeholder in several segments.
    #[error("holds the placeholder more than once")]
    Several,
    /// Brace that begins no placeholder of this request.
    #[error("holds a brace that is no placeholder of this request")]
    Brace,
}

const REMEDY: &str = "Write an absolute URL, in which one whole segment of the path may be the \
                      placeholder; everywhere else it goes into query, form, json or headers.";

impl Target {
    /// Reads a URL whose open segment, if any, is spelled as `placeholder`.
    ///
    /// # Errors
    /// [`InvalidTarget`] with the reason.
    pub fn parse(text: &str, placeholder: &str) -> Result<Self, InvalidTarget> {
        let path_end = text.find(['?', '#']).unwrap_or(text.len());
        let authority = text.find("://").map_or(path_end, |at| at + 3);
        let path_begin = text
            .get(authority..path_end)
            .and_then(|rest| rest.find('/'))
            .map_or(path_end, |at| authority + at);
        let (head, rest) = text.split_at(path_begin);
        let (path, query) = rest.split_at(path_end - path_begin);
        if head.contains(placeholder) || query.contains(placeholder) {
            return Err(InvalidTarget::Place);
        }
        let segments: Vec<&str> = path.split('/').collect();
        let open = segments.iter().filter(|it| **it == placeholder).count();
        if segments
            .iter()
            .any(|it| *it != placeholder && it.contains(placeholder))
        {
            return Err(InvalidTarget::Place);
        }
        if open > 1 {
            return Err(InvalidTarget::Several);
        }
        let (before, after) = match text.split_once(placeholder) {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (text.to_owned(), None),
        };
        let has_brace = |part: &str| part.contains(['{', '}']);
        if has_brace(&before) || after.as_deref().is_some_and(has_brace) {
            return Err(InvalidTarget::Brace);
        }
        let address = Address::parse(&text.replace(placeholder, "x"))?;
        Ok(Self {
            address,
            before,
            after,
        })
    }

    /// Reads a required key; plain `http` leaves the machine only with `allow_http`.
    pub fn read(
        section: &mut Section,
        key: &str,
        placeholder: &str,
        allow_http: bool,
    ) -> Option<Self> {
        let target = section.required_parsed(key, REMEDY, |text| Self::parse(text, placeholder))?;
        target.address.judge(section, key, allow_http);
        Some(target)
    }

    /// Returns the address, with a letter in place of an open segment.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns true if a segment of the path is left open.
    pub fn is_open(&self) -> bool {
        self.after.is_some()
    }

    /// Returns the URL with this segment where one is open, and these names and values behind its
    /// own query.
    ///
    /// # Errors
    /// [`Refused`] if the segment is missing or superfluous, or the whole too long for a URL.
    pub fn uri(&self, segment: Option<&Segment>, query: &[(&str, &str)]) -> Result<Uri, Refused> {
        let mut text = match (&self.after, segment) {
            (None, None) => self.before.clone(),
            (Some(after), Some(segment)) => format!("{}{}{after}", self.before, segment.encoded()),
            (None, Some(_)) | (Some(_), None) => return Err(Refused),
        };
        if !query.is_empty() {
            if !text.contains('?') {
                text.push('?');
            } else if !text.ends_with(['?', '&']) {
                text.push('&');
            }
            text.push_str(&pairs(query));
        }
        text.parse().map_err(|_| Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Target, InvalidTarget> {
        Target::parse(text, "{token}")
    }

    fn filled(text: &str, identifier: &str) -> String {
        let segment = Segment::parse(identifier, &[]).unwrap();
        let uri = parse(text).unwrap().uri(Some(&segment), &[]).unwrap();
        uri.to_string()
    }

    #[test]
    fn one_whole_segment_of_the_path_may_be_open() {
        assert_eq!(
            filled("https://a.example/v1/{token}", "a b"),
            "https://a.example/v1/a%20b"
        );
        assert_eq!(
            filled("https://a.example/V1//{token}/info/?x=%2F", "t"),
            "https://a.example/V1//t/info/?x=%2F"
        );
        for (text, reason) in [
            ("https://a.example/x{token}", InvalidTarget::Place),
            ("https://a.example/{token}x", InvalidTarget::Place),
            ("https://a.example/{token};v=1", InvalidTarget::Place),
            ("https://a.example/{token}{token}", InvalidTarget::Place),
            ("https://a.example/{token}/{token}", InvalidTarget::Several),
            ("https://a.example?x={token}", InvalidTarget::Place),
            ("https://a.example/x?x={token}", InvalidTarget::Place),
            ("https://a.example/x#{token}", InvalidTarget::Place),
            ("https://{token}/x", InvalidTarget::Place),
            ("https://{token}.example/x", InvalidTarget::Place),
            ("https://{token}@a.example/x", InvalidTarget::Place),
            ("https://u:{token}@a.example/x", InvalidTarget::Place),
            ("https://a.example:{token}/x", InvalidTarget::Place),
            ("{token}://a.example/x", InvalidTarget::Place),
            ("{token}", InvalidTarget::Place),
            ("https://a.example/{Token}", InvalidTarget::Brace),
            ("https://a.example/{token_id}", InvalidTarget::Brace),
            ("https://a.example/{token}/{x}", InvalidTarget::Brace),
            ("https://a.example/x?y={z}", InvalidTarget::Brace),
        ] {
            assert_eq!(parse(text).err(), Some(reason), "{text}");
        }
        for text in [
            "https://u:p@a.example/{token}",
            "ftp://a.example/{token}",
            "/{token}",
            "https://a.example/{token}#x",
            "",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn query_goes_behind_the_one_that_is_there() {
        for (text, sent) in [
            ("https://a.example", "https://a.example/?t=a%20b%26"),
            ("https://a.example/x/", "https://a.example/x/?t=a%20b%26"),
            ("https://a.example/x?", "https://a.example/x?t=a%20b%26"),
            (
                "https://a.example/x?v=1",
                "https://a.example/x?v=1&t=a%20b%26",
            ),
            ("https://a.example/x?v&", "https://a.example/x?v&t=a%20b%26"),
        ] {
            let uri = parse(text).unwrap().uri(None, &[("t", "a b&")]).unwrap();
            assert_eq!(uri, sent, "{text}");
        }
    }

    #[test]
    fn open_segment_is_filled_exactly_once() {
        let segment = Segment::parse("t", &[]).unwrap();
        let (open, closed) = (
            parse("https://a.example/{token}").unwrap(),
            parse("https://a.example/x").unwrap(),
        );
        assert!(open.uri(None, &[]).is_err() && closed.uri(Some(&segment), &[]).is_err());
    }

    proptest! {
        #[test]
        fn no_identifier_changes_anything_but_its_own_segment(
            identifier in "\\PC{0,40}|[ -~]{0,40}",
        ) {
            if let Ok(segment) = Segment::parse(&identifier, &[]) {
                let target = parse("https://a.example/a/{token}/b?c=d").unwrap();
                let uri = target.uri(Some(&segment), &[("q", &identifier)]).unwrap();
                prop_assert_eq!(uri.host(), Some("a.example"));
                prop_assert_eq!(uri.path().matches('/').count(), 3);
                prop_assert!(uri.path().starts_with("/a/") && uri.path().ends_with("/b"));
                prop_assert_eq!(uri.query().unwrap().matches('&').count(), 1);
            }
        }

        #[test]
        fn any_text_is_a_target_or_refused(text in "\\PC{0,30}|https://[a-z{}/?#@:.]{0,40}") {
            if let Ok(target) = parse(&text) {
                let segment = Segment::parse("t", &[]).unwrap();
                let segment = target.is_open().then_some(&segment);
                let uri = target.uri(segment, &[]).unwrap();
                prop_assert_eq!(uri.authority(), target.address().uri().authority());
            }
        }
    }
}
