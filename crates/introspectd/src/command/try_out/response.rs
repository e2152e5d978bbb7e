//! Findings about a response that the adapter does not read.

use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, Uri};
use introspectd_core::BadAnswer;
use introspectd_upstream::Head;
use serde_json::{Map, Value};

use super::finding::{self, Finding, fault};

/// Response, with the endpoint of its request.
pub(super) struct Response<'a> {
    pub(super) endpoint: &'a Uri,
    pub(super) head: Option<&'a Head>,
    pub(super) body: &'a [u8],
}

impl Response<'_> {
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        text(&self.head?.headers, name)
    }

    /// `error` of RFC 6749 section 5.2.
    pub(super) fn error(&self) -> Option<String> {
        Some(self.object()?.get("error")?.as_str()?.to_owned())
    }

    fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(self.body).ok()
    }

    /// Reasons why it is no answer, other than credentials.
    pub(super) fn findings(&self, answer: &BadAnswer) -> Vec<Finding> {
        match answer {
            BadAnswer::Status(status) => self.of_status(*status),
            BadAnswer::Redirect(status) => vec![self.of_redirect(*status)],
            BadAnswer::Compressed => vec![self.of_coding()],
            BadAnswer::NotAnObject => vec![self.of_content()],
            BadAnswer::Member(name) => vec![self.of_member(name)],
            // The others have a line of their own, or come of other questions than this one.
            BadAnswer::Credentials(_)
            | BadAnswer::NotHttp
            | BadAnswer::TooLarge
            | BadAnswer::Truncated
            | BadAnswer::NotUtf8
            | BadAnswer::Grant
            | BadAnswer::GrantMember(_)
            | BadAnswer::ElementTooLarge
            | BadAnswer::NotAnArray
            | BadAnswer::UndocumentedError(_)
            | BadAnswer::OtherToken
            | BadAnswer::Signed(_)
            | BadAnswer::TooMany(_)
            | BadAnswer::Undecided(_) => {
                vec![fault(
                    answer.to_string(),
                    "Look at the response above, and check the path of --endpoint.",
                )]
            }
        }
    }

    fn of_status(&self, status: u16) -> Vec<Finding> {
        if status == 400 && self.contains("plain HTTP request was sent to HTTPS port") {
            return vec![fault(
                "the port speaks TLS, but the request was plain http",
                "Write https:// in --endpoint.",
            )];
        }
        let mut findings = vec![finding::status(status)];
        if status == 405
            && let Some(allowed) = self.header(&ALLOW)
        {
            let what = format!("the server takes {allowed} there, and not POST");
            findings = vec![fault(what, finding::status(status).remedy)];
        }
        if let Some(error) = self.error() {
            let what = format!("its error code is `{error}`");
            findings.push(finding::cause(
                what,
                "Look the code up in RFC 6749 section 5.2, or in the server's manual.",
            ));
        }
        if status == 404 {
            findings.push(self.slash());
        }
        findings
    }

    fn slash(&self) -> Finding {
        let has_slash = self.endpoint.path().ends_with('/');
        let (what, remedy) = if has_slash {
            ("the path ends in a slash", "Try --endpoint without it.")
        } else {
            (
                "the path does not end in a slash",
                "Try --endpoint with one: django-oauth-toolkit needs it.",
            )
        };
        finding::cause(what, remedy)
    }

    /// Redirects are never followed: they would take token and credentials elsewhere.
    fn of_redirect(&self, status: u16) -> Finding {
        let Some(location) = self.header(&LOCATION) else {
            return fault(
                format!("the server redirects without saying where to (status {status})"),
                "Check the path of --endpoint.",
            );
        };
        let what =
            format!("the server redirects to {location} (status {status}), which is not followed");
        let remedy = match location.parse::<Uri>() {
            Ok(to) if self.is_elsewhere(&to) => {
                "Check who answers there before you put it into --endpoint: token and credentials \
                    would go to that host."
            }
            Ok(to) if looks_like_login(to.path()) => {
                "Check the path of --endpoint, and let it pass the login before it: it leads to a \
                    login page."
            }
            Ok(to)
                if to.scheme_str() == Some("https")
                    && self.endpoint.scheme_str() == Some("http") =>
            {
                "Write https:// in --endpoint."
            }
            Ok(to)
                if to.path().trim_end_matches('/')
                    == self.endpoint.path().trim_end_matches('/') =>
            {
                "Write the path into --endpoint exactly as there, with or without the slash at \
                    its end."
            }
            Ok(_) | Err(_) => {
                "Put the address into --endpoint if that is where the server introspects."
            }
        };
        fault(what, remedy)
    }

    fn is_elsewhere(&self, to: &Uri) -> bool {
        let (here, there) = (self.endpoint.host().unwrap_or_default(), to.host());
        there.is_some_and(|there| !there.eq_ignore_ascii_case(here))
    }

    fn of_coding(&self) -> Finding {
        let coding = self
            .header(&CONTENT_ENCODING)
            .unwrap_or("an unknown coding");
        fault(
            format!(
                "the answer is compressed ({coding}), though we ask for `Accept-Encoding: identity`"
            ),
            "Turn compression off for this path at the server, or at the proxy before it. gzip \
                and deflate are undone if they are what they say.",
        )
    }

    fn of_content(&self) -> Finding {
        let media_type = self
            .header(&CONTENT_TYPE)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let body = self.body.trim_ascii();
        let begins = |text: &str| {
            body.get(..text.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(text.as_bytes()))
        };
        if body.is_empty() {
            return fault("the answer is empty", "Check the path of --endpoint.");
        }
        if media_type.starts_with("text/html") || begins("<!doctype html") || begins("<html") {
            return fault(
                "the answer is an HTML page: a login page, or one of a proxy or of the server's \
                    user interface",
                "Check host, port and path of --endpoint, and exempt the path from any login \
                    before it.",
            );
        }
        if media_type.contains("xml") || begins("<") {
            return fault(
                "the answer is XML",
                "Check the path of --endpoint: an RFC 7662 server answers in JSON.",
            );
        }
        if media_type.ends_with("jwt") || begins("eyJ") {
            return fault(
                "the answer is a signed JWT (RFC 9701), and not JSON",
                "Turn signed introspection answers off for our client at the server.",
            );
        }
        if body.starts_with("\u{feff}".as_bytes()) {
            return fault(
                "the answer begins with a byte order mark",
                "Turn it off at the server: RFC 8259 forbids it.",
            );
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(_) => fault(
                "the answer is JSON, and no object",
                "Check the path of --endpoint.",
            ),
            Err(_) => fault(
                "the answer is not JSON",
                "Check the path of --endpoint, and look into the server's log.",
            ),
        }
    }

    fn of_member(&self, name: &str) -> Finding {
        let object = self.object().unwrap_or_default();
        let value = object.get(name).filter(|value| !value.is_null());
        match (name, value) {
            ("active", None) => self.of_another_endpoint(&object),
            ("exp", None) => fault(
                "the token has no end: the answer has no `exp`",
                "Give --missing-exp accept if this server's tokens are meant to live for ever; \
                    without it the service refuses them.",
            ),
            (_, None) => fault(
                format!("the answer has no usable `{name}`"),
                "Look at the member in the answer above: it must occur once.",
            ),
            ("active", Some(value)) => fault(
                format!(
                    "`active` is {}, and only true or false decides",
                    kind(value)
                ),
                "Have the server answer as RFC 7662 section 2.2 says, or check the path of \
                    --endpoint.",
            ),
            (_, Some(value)) => fault(
                format!(
                    "`{name}` in the answer cannot be read: it is {}, or occurs twice",
                    kind(value)
                ),
                "Have the server answer as RFC 7662 section 2.2 says: times are numbers, `scope` \
                    is text.",
            ),
        }
    }

    fn of_another_endpoint(&self, object: &Map<String, Value>) -> Finding {
        let what = "the answer has no `active`, so it is none of RFC 7662";
        let has = |name: &str| object.contains_key(name);
        if let Some(Value::String(endpoint)) = object.get("introspection_endpoint") {
            let remedy = format!("Put its `introspection_endpoint` into --endpoint: {endpoint}");
            return fault("the answer is the metadata of the server", remedy);
        }
        let remedy = if has("access_token") {
            "Check the path of --endpoint: this is the token endpoint."
        } else if has("sub") {
            "Check the path of --endpoint: this may be the userinfo endpoint."
        } else {
            "Check the path of --endpoint."
        };
        fault(what, remedy)
    }

    fn contains(&self, text: &str) -> bool {
        String::from_utf8_lossy(self.body).contains(text)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn looks_like_login(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["login", "signin", "sign_in", "auth"]
        .iter()
        .any(|word| path.contains(word))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
