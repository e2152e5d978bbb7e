//! HTTP response of a vendor.

use bytes::Bytes;
use serde_json::Value;

/// HTTP response: status, headers and the whole body. Content-Length is added on the way out.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// Header names and values, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    /// A JSON body with `Content-Type: application/json`.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "callers write json!(..) in place"
    )]
    pub fn json(status: u16, value: Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// Any body with any content type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
        .with_header("content-type", content_type)
    }

    /// No body and no content type.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Creates the page of a proxy or servlet container in front of the vendor.
    pub fn html(status: u16) -> Self {
        let page = format!("<html><body><h1>Error {status}</h1></body></html>");
        Self::text(status, "text/html; charset=utf-8", page)
    }

    /// A 200 that claims to be JSON and is not.
    pub fn garbage() -> Self {
        Self::text(200, "application/json", "{\"token_id\": <<not json>>")
    }

    /// A 302 to `location`.
    pub fn redirect(location: &str) -> Self {
        Self::empty(302).with_header("location", location)
    }

    /// An empty answer that asks the client to come back after `seconds`.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::empty(status).with_header("retry-after", &seconds.to_string())
    }

    /// Sets a header, replacing any of the same name. To send a header twice, push to `headers`.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}
