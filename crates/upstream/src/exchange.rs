//! Exchange that can be inspected for faults.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use introspectd_core::Failure;

use crate::credentials::Credentials;
use crate::pool::Reply;
use crate::request::Request;

/// Request and response of one form, before anything is screened, beside what the adapter makes of them.
pub struct Exchange<T> {
    /// Request.
    pub sent: Sent,
    /// Head of the response, if one came in time.
    pub head: Option<Head>,
    /// Body of the response, its coding undone, if it came whole. May hold secrets, so it does not print.
    pub body: Option<Bytes>,
    /// Outcome that the service would use.
    pub outcome: Result<T, Failure>,
}

/// Request in which every secret is masked.
#[derive(Debug)]
pub struct Sent {
    /// Method of HTTP.
    pub method: Method,
    /// The configured address.
    pub uri: Uri,
    /// Headers but for those of the connection. `Authorization` has its scheme and [`MASK`].
    pub headers: HeaderMap,
    /// Body: values other than `client_id` are [`MASK`].
    pub form: String,
}

/// Head of a response. Its headers may hold secrets, so it does not print.
#[derive(Clone)]
pub struct Head {
    /// Version of HTTP.
    pub version: Version,
    /// Status, whichever it is.
    pub status: StatusCode,
    /// Headers as they came.
    pub headers: HeaderMap,
}

/// Stands for a secret.
pub const MASK: &str = "***";

/// Shared view of an exchange, by which its response is kept as it came.
#[derive(Clone, Default)]
pub(crate) struct Exposure(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    head: Option<Head>,
    body: Option<Bytes>,
}

impl<T> Exchange<T> {
    /// Reads the answer further.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Result<U, Failure>) -> Exchange<U> {
        let Self { sent, head, body, outcome } = self;
        Exchange { sent, head, body, outcome: outcome.and_then(read) }
    }
}

impl Exposure {
    /// Keeps the head of the response.
    pub(crate) fn note_head(&self, reply: &Reply) {
        self.lock().head = Some(Head::of(reply));
    }

    /// Keeps the body of the response.
    pub(crate) fn note_body(&self, body: &Bytes) {
        self.lock().body = Some(body.clone());
    }

    /// Returns what has come so far.
    pub(crate) fn take(&self) -> (Option<Head>, Option<Bytes>) {
        let Seen { head, body } = std::mem::take(&mut *self.lock());
        (head, body)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Head {
    fn of(reply: &Reply) -> Self {
        Self { version: reply.version, status: reply.status, headers: reply.headers.clone() }
    }
}

impl Sent {
    /// Shows a request as these credentials complete it.
    pub(crate) fn masked(request: &Request, credentials: &Credentials) -> Self {
        let names = request.form_names();
        let mut shown: Vec<_> = names.iter().map(|name| format!("{name}={MASK}")).collect();
        let scheme = match credentials {
            Credentials::None => None,
            Credentials::Header(header) => {
                let header = header.get();
                Some(if header.as_bytes().starts_with(b"Basic ") { "Basic" } else { "Bearer" })
            }
            Credentials::Form { client_id, .. } => {
                let client_id: String = form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
                shown.extend([format!("client_id={client_id}"), format!("client_secret={MASK}")]);
                None
            }
            Credentials::Grant(_) => Some("Bearer"),
        };
        let (head, _) = request.to_http().into_parts();
        let mut headers = head.headers;
        // The length of a body tells that of the secrets in it.
        headers.remove(http::header::CONTENT_LENGTH);
        let masked = scheme.and_then(|scheme| HeaderValue::try_from(format!("{scheme} {MASK}")).ok());
        headers.extend(masked.map(|value| (AUTHORIZATION, value)));
        Self { method: head.method, uri: head.uri, headers, form: shown.join("&") }
    }
}
