use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderName, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use introspectd_service::Source;
use serde::Serialize;

use crate::accept;

/// Header that says whether and how the cache served.
pub(crate) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// HTTP reply.
pub type Reply = Response<Content>;

/// Body of a reply, which never waits for anything.
#[derive(Debug, Default)]
pub struct Content(Bytes);

/// Answer about a token, in one of its forms.
pub(crate) enum Written {
    /// Body about an active token; `None` for an inactive one.
    Json(Option<Box<[u8]>>),
    Jwt(String),
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JWT: HeaderValue = HeaderValue::from_static(accept::JWT);
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Longest frame of a [`Content`], in bytes. A longer body is sent as its client takes it, and not
/// copied whole into the buffer of its connection.
const FRAME: usize = 16 * 1024;

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.0.len() {
            0 => return Poll::Ready(None),
            1..=FRAME => std::mem::take(&mut self.0),
            _ => self.0.split_to(FRAME),
        };
        Poll::Ready(Some(Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// Replies with an RFC 7662 answer. Without an active token it is `{"active":false}`, whatever the
/// reason: a caller that may not know more learns nothing from a difference.
///
/// Its headers are written into `reused`, the map of the request's, so that a hit allocates none.
/// `varies` says whether `Accept` decides its form.
pub(crate) fn introspection(
    reused: HeaderMap,
    written: Written,
    source: Source,
    varies: bool,
) -> Reply {
    let (media_type, body) = match written {
        Written::Json(Some(body)) => (JSON, Bytes::from(body)),
        Written::Json(None) => (JSON, Bytes::from_static(br#"{"active":false}"#)),
        Written::Jwt(jwt) => (JWT, Bytes::from(jwt)),
    };
    let mut headers = reused;
    headers.clear();
    headers.insert(X_CACHE, cache_status(source));
    if varies {
        headers.insert(VARY, HeaderValue::from_static("accept"));
    }
    with_content_type(media_type, headers, body)
}

/// Returns the value of [`X_CACHE`].
pub(crate) fn cache_status(source: Source) -> HeaderValue {
    HeaderValue::from_static(match source {
        Source::Hit => "hit",
        Source::Coalesced => "coalesced",
        Source::Miss => "miss",
        Source::Stale => "stale",
    })
}

/// Replies with these headers alone.
pub(crate) fn empty(headers: HeaderMap) -> Reply {
    let mut reply = Response::new(Content::default());
    *reply.headers_mut() = headers;
    reply
}

/// Replies with one record.
pub(crate) fn record(body: Vec<u8>, source: Source) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(X_CACHE, cache_status(source));
    with_content_type(JSON, headers, body.into())
}

/// Replies that an operation is done: 200 and nothing else.
pub(crate) fn empty_ok() -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, NO_STORE);
    empty(headers)
}

/// Replies that an operation is done and has nothing to show: 204.
pub(crate) fn no_content() -> Reply {
    let mut reply = empty_ok();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Relays another server's answer, which no cache on the way may keep.
pub(crate) fn relayed(status: StatusCode, media_type: Option<HeaderValue>, body: &[u8]) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.extend(media_type.map(|media_type| (CONTENT_TYPE, media_type)));
    let mut reply = Response::new(Content(Bytes::copy_from_slice(body)));
    (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
    reply
}

/// Replies with JSON, which no cache on the way may keep.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    // Only a map with keys that are not strings could fail, and there is none.
    let body =
        serde_json::to_vec(value).unwrap_or_else(|_| br#"{"error":"server_error"}"#.to_vec());
    let mut reply = with_content_type(JSON, HeaderMap::new(), body.into());
    *reply.status_mut() = status;
    reply
}

/// Replies with a document of JSON.
pub(crate) fn raw_json(json: &'static str) -> Reply {
    with_content_type(JSON, HeaderMap::new(), Bytes::from_static(json.as_bytes()))
}

/// Replies with a document that caches may keep for so many seconds.
pub(crate) fn kept_document(media_type: &'static str, body: Vec<u8>, seconds: u32) -> Reply {
    let mut reply = with_media_type(media_type, body.into());
    let control = HeaderValue::try_from(format!("public, max-age={seconds}"));
    if let Ok(control) = control {
        reply.headers_mut().insert(CACHE_CONTROL, control);
    }
    reply
}

/// Replies with JSON that any page of a browser may read.
pub(crate) fn public_json(value: &impl Serialize) -> Reply {
    let mut reply = json(StatusCode::OK, value);
    let everyone = HeaderValue::from_static("*");
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, everyone);
    reply
}

/// Replies with text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = with_media_type("text/plain; charset=utf-8", text.into());
    *reply.status_mut() = status;
    reply
}

/// Replies with text of this media type.
pub(crate) fn with_media_type(media_type: &'static str, body: Bytes) -> Reply {
    let media_type = HeaderValue::from_static(media_type);
    with_content_type(media_type, HeaderMap::new(), body)
}

fn with_content_type(media_type: HeaderValue, mut headers: HeaderMap, body: Bytes) -> Reply {
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    let mut reply = Response::new(Content(body));
    *reply.headers_mut() = headers;
    reply
}
