use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_core::ask::TraceParent;
use introspectd_service::RequestIds;
use secrecy::SecretString;

use crate::authentication::credentials;
use crate::reply::Reply;

/// Header by which a caller finds the records of its request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Request id and credentials in a request's headers.
pub(crate) struct HeaderIds<'a>(pub(crate) &'a HeaderMap);

impl RequestIds for HeaderIds<'_> {
    fn proposed(&self) -> Option<&str> {
        let mut values = self.0.get_all(X_REQUEST_ID).iter();
        match (values.next(), values.next()) {
            (Some(id), None) => std::str::from_utf8(id.as_bytes()).ok(),
            _ => None,
        }
    }

    fn credentials(&self) -> Vec<SecretString> {
        credentials(self.0)
    }
}

/// Returns the trace that a request is part of, if its headers name exactly one.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.as_bytes()),
        _ => None,
    }
}

/// Adds the id of a request that was recorded.
pub(crate) fn with_request_id(mut reply: Reply, request_id: Option<String>) -> Reply {
    if let Some(id) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        reply.headers_mut().insert(X_REQUEST_ID, id);
    }
    reply
}
