use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use introspectd_core::BadAnswer;

use crate::elements::Elements;

/// Response of a provider that may say something about the token: no redirect, no refusal of our
/// credentials, no 429 and no 5xx. May hold secrets, so it neither prints nor leaves the adapter.
pub struct Response {
    /// Status: 2xx, or 4xx other than 429 and, unless the request was relayed or refusable, 401
    /// and 403.
    pub status: StatusCode,
    /// Body of at most 1 MiB. Empty if the request was streamed and the status is 200.
    pub body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) elements: Option<Elements>,
}

/// Response to a streamed request.
pub enum List {
    /// Status 200: presumably the list, which is not read yet.
    Elements(Elements),
    /// Any other status that may say something.
    Response(Response),
}

impl Response {
    /// Returns the body of a 200.
    ///
    /// # Errors
    /// [`BadAnswer::Status`] for any other status.
    pub fn ok(self) -> Result<Bytes, BadAnswer> {
        if self.status == StatusCode::OK {
            Ok(self.body)
        } else {
            Err(BadAnswer::Status(self.status.as_u16()))
        }
    }

    /// Returns `Content-Type`, where it is text.
    pub fn content_type(&self) -> Option<&str> {
        self.headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
    }

    /// Returns the elements to be read, where the request was
    /// [`streamed`](crate::Request::streamed).
    pub fn into_list(mut self) -> List {
        match self.elements.take() {
            Some(elements) => List::Elements(elements),
            None => List::Response(self),
        }
    }
}
