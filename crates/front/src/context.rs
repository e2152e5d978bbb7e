use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_core::ask::TraceParent;
use introspectd_service::RequestIds;
use secrecy::SecretString;

use crate::authentication::credentials;
use crate::header::only;
use crate::reply::Reply;

/// Header by which a caller finds the records of its request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Trace of a request (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Request id and credentials in a request's headers.
pub(crate) struct HeaderIds<'a>(pub(crate) &'a HeaderMap);

impl RequestIds for HeaderIds<'_> {
    fn proposed(&self) -> Option<&str> {
        std::str::from_utf8(only(self.0, &X_REQUEST_ID)?.as_bytes()).ok()
    }

    fn credentials(&self) -> Vec<SecretString> {
        credentials(self.0)
    }
}

/// Returns the trace that a request is part of, if its headers name exactly one.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    TraceParent::parse(only(headers, &TRACEPARENT)?.as_bytes())
}

/// Adds the id of a request that was recorded.
pub(crate) fn add_request_id(reply: &mut Reply, request_id: Option<String>) {
    if let Some(id) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        reply.headers_mut().insert(X_REQUEST_ID, id);
    }
}
