use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_core::trace::TraceParent;
use introspectd_service::RequestIds;
use secrecy::SecretString;

use crate::authentication::credentials;
use crate::header::only;
use crate::reply::Reply;

/// Header by which a caller finds the records of its request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Trace of a request (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Request id, credentials and trace in a request's headers.
pub(crate) struct HeaderIds<'a> {
    headers: &'a HeaderMap,
    /// Headers that name the trace: those of a proxy, where it asks about a request of its client.
    traced: &'a HeaderMap,
}

impl<'a> HeaderIds<'a> {
    pub(crate) fn new(headers: &'a HeaderMap) -> Self {
        let traced = headers;
        Self { headers, traced }
    }

    /// Ids of a proxy's client, in the trace of the proxy's own request.
    pub(crate) fn of_client(client: &'a HeaderMap, proxy: &'a HeaderMap) -> Self {
        Self {
            headers: client,
            traced: proxy,
        }
    }
}

impl RequestIds for HeaderIds<'_> {
    fn proposed(&self) -> Option<&str> {
        std::str::from_utf8(only(self.headers, &X_REQUEST_ID)?.as_bytes()).ok()
    }

    fn credentials(&self) -> Vec<SecretString> {
        credentials(self.headers)
    }

    fn traceparent(&self) -> Option<TraceParent> {
        TraceParent::parse(only(self.traced, &TRACEPARENT)?.as_bytes())
    }
}

/// Adds the id of a request that was recorded.
pub(crate) fn add_request_id(reply: &mut Reply, request_id: Option<String>) {
    if let Some(id) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        reply.headers_mut().insert(X_REQUEST_ID, id);
    }
}
