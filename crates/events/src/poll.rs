//! Messages of poll-based delivery (RFC 8936).

use std::borrow::Cow;
use std::collections::BTreeMap;

use introspectd_core::RawMembers;
use serde::Serialize;
use serde_json::value::RawValue;

/// Request of a recipient: what it makes of the tokens that it has, and how many more it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Most tokens of the response.
    pub max_events: usize,
    /// True for a response at once, also without tokens.
    pub return_immediately: bool,
    /// `jti` of the tokens that are done with.
    pub ack: Vec<String>,
    /// `jti` of the tokens that are refused, and why.
    pub set_errs: BTreeMap<String, SetError>,
}

/// Reason why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetError {
    /// Code of RFC 8935 section 2.4.
    pub err: &'static str,
    /// Reason for a person.
    pub description: &'static str,
}

/// Response of a transmitter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// Tokens by the `jti` that they are acknowledged by.
    pub sets: BTreeMap<String, String>,
    /// True if more tokens wait.
    pub more_available: bool,
}

/// Reason why a response cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response is no object with tokens by their jti")]
pub struct Unreadable;

impl Request {
    /// Most tokens that are asked for at once.
    pub const MAX_EVENTS: usize = 32;

    /// Creates a request for tokens that wait.
    pub fn new(ack: Vec<String>, set_errs: BTreeMap<String, SetError>) -> Self {
        Self {
            max_events: Self::MAX_EVENTS,
            return_immediately: true,
            ack,
            set_errs,
        }
    }

    /// Writes the request as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Only a map with keys that are not strings could fail, and there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Response {
    /// Reads a response. Of more than [`Request::MAX_EVENTS`] tokens the surplus is left out, and
    /// comes again.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let members = object(body)?;
        let sets = members.get("sets").ok_or(Unreadable)?;
        let sets = object(sets.get().as_bytes())?.into_iter();
        let sets = sets.take(Request::MAX_EVENTS);
        let sets = sets.map(|(jti, set)| {
            let set = serde_json::from_str(set.get()).map_err(|_| Unreadable)?;
            Ok((jti.into_owned(), set))
        });
        let more = members.get("moreAvailable").map(|more| more.get());
        Ok(Self {
            sets: sets.collect::<Result<_, _>>()?,
            more_available: match more {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return Err(Unreadable),
            },
        })
    }
}

fn object(bytes: &[u8]) -> Result<BTreeMap<Cow<'_, str>, &RawValue>, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable)?;
    let object: RawMembers<'_> = serde_json::from_str(text).map_err(|_| Unreadable)?;
    if object.repeated.is_empty() {
        Ok(object.members)
    } else {
        Err(Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_has_the_members_of_the_standard() {
        let refused = SetError {
            err: "invalid_audience",
            description: "no",
        };
        let request = Request::new(vec!["a".to_owned()], [("b".to_owned(), refused)].into());
        let expected = r#"{"maxEvents":32,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"invalid_audience","description":"no"}}}"#;
        assert_eq!(String::from_utf8(request.to_json()).unwrap(), expected);
    }

    #[test]
    fn response_is_read_strictly() {
        let read = |text: &str| Response::parse(text.as_bytes());
        assert_eq!(read(r#"{"sets":{}}"#), Ok(Response::default()));
        let response = read(r#"{"sets":{"a":"x.y.z"},"moreAvailable":true,"other":1}"#).unwrap();
        assert_eq!(response.sets["a"], "x.y.z");
        assert!(response.more_available);
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"sets":[]}"#,
            r#"{"sets":{"a":1}}"#,
            r#"{"sets":{"a":"x","a":"y"}}"#,
            r#"{"sets":{},"moreAvailable":1}"#,
        ] {
            assert_eq!(read(bad), Err(Unreadable), "{bad}");
        }
        let many = (0..100).map(|nth| format!("\"{nth}\":\"x\""));
        let many = many.collect::<Vec<_>>().join(",");
        let response = read(&format!("{{\"sets\":{{{many}}}}}")).unwrap();
        assert_eq!(response.sets.len(), Request::MAX_EVENTS);
    }

    #[test]
    fn any_bytes_are_a_response_or_refused() {
        let seeds: &[&[u8]] = &[
            br#"{"sets":{"4d3559ec67504aaba65d40b0363faad8":"eyJhbGciOiJub25lIn0.e30."}}"#,
            br#"{"sets":{},"moreAvailable":false}"#,
        ];
        introspectd_fuzz::check!(seeds, |bytes: &[u8]| {
            if let Ok(response) = Response::parse(bytes) {
                assert!(response.sets.len() <= Request::MAX_EVENTS);
            }
        });
    }
}
