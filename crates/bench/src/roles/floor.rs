use std::future::{Ready, ready};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{Reply, reply};
use crate::answer::{self, Reader};

/// HTTP itself: hyper, and one constant answer with the bytes and the headers of a real one.
pub(super) fn service() -> impl Fn(Request<Incoming>) -> Ready<Reply> + Clone + Send + 'static {
    let body = Bytes::from(answer::active("floor", 1_800_000_000, Reader::Peer));
    move |_| {
        let mut reply = reply(StatusCode::OK, Full::new(body.clone()));
        let headers = reply.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            HeaderName::from_static("x-cache"),
            HeaderValue::from_static("hit"),
        );
        ready(reply)
    }
}
