use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use introspectd_core::{State, Timestamp};
use introspectd_resolver::Source;
use introspectd_service::KeptAnswer;
use serde::Serialize;

/// Whether and how the cache served.
pub(crate) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// An answer.
pub type Reply = Response<Content>;

/// Body of an answer, which never waits for anything.
#[derive(Debug, Default)]
pub struct Content(Bytes);

/// Bytes of one frame of a [`Content`]: a longer one is handed on as its client takes it, and not copied
/// whole into the buffer of its connection.
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

/// An RFC 7662 answer. Without an active token it is `{"active":false}`, whatever the reason: who may
/// not know more learns nothing from the difference.
///
/// Its headers are written into `room`, the map of the request's, so that a hit allocates none.
pub(crate) fn introspection(
    room: HeaderMap,
    active: Option<&KeptAnswer>,
    source: Source,
    now: Timestamp,
) -> Reply {
    let inactive = || Bytes::from_static(br#"{"active":false}"#);
    let body = active.map_or_else(inactive, |rendered| rendered.body(now).into());
    let mut headers = room;
    headers.clear();
    headers.insert(X_CACHE, how(source));
    of_type("application/json", headers, body)
}

/// The value of [`X_CACHE`].
pub(crate) fn how(source: Source) -> HeaderValue {
    HeaderValue::from_static(match source {
        Source::Hit => "hit",
        Source::Coalesced => "coalesced",
        Source::Miss => "miss",
        Source::Stale => "stale",
    })
}

/// An answer of these headers alone.
pub(crate) fn empty(headers: HeaderMap) -> Reply {
    let mut reply = Response::new(Content::default());
    *reply.headers_mut() = headers;
    reply
}

/// One record, active or not: the members of an active token's answer, with its state in place of `active`.
pub(crate) fn record(state: State, rendered: &KeptAnswer, source: Source, now: Timestamp) -> Reply {
    let body = rendered.record(state, now);
    let mut headers = HeaderMap::new();
    headers.insert(X_CACHE, how(source));
    of_type("application/json", headers, body.into())
}

/// That what was asked for is done: 200 and nothing else.
pub(crate) fn done() -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    empty(headers)
}

/// The same, of what has nothing to show: 204.
pub(crate) fn no_content() -> Reply {
    let mut reply = done();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Another server's answer, which nobody on the way may keep.
pub(crate) fn relayed(status: StatusCode, media_type: Option<HeaderValue>, body: &[u8]) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(media_type.map(|media_type| (CONTENT_TYPE, media_type)));
    let mut reply = Response::new(Content(Bytes::copy_from_slice(body)));
    (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
    reply
}

/// An answer of this JSON, which nobody on the way may keep.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let mut reply = of_type("application/json", HeaderMap::new(), body(value).into());
    *reply.status_mut() = status;
    reply
}

/// An answer of this text, which is JSON and shared by all who ask for it, likewise.
pub(crate) fn written(json: &'static str) -> Reply {
    of_type("application/json", HeaderMap::new(), Bytes::from_static(json.as_bytes()))
}

/// An answer of this text, likewise.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = of_type("text/plain; charset=utf-8", HeaderMap::new(), text.into());
    *reply.status_mut() = status;
    reply
}

fn of_type(media_type: &'static str, mut headers: HeaderMap, body: Bytes) -> Reply {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut reply = Response::new(Content(body));
    *reply.headers_mut() = headers;
    reply
}

fn body(value: &impl Serialize) -> Box<[u8]> {
    match serde_json::to_vec(value) {
        Ok(body) => body.into(),
        // Only a map with keys that are no strings could bring this about, and there is none.
        Err(_) => br#"{"error":"server_error"}"#[..].into(),
    }
}
