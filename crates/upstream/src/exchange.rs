//! Exchange that can be inspected for faults.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};
use introspectd_core::Failure;

use crate::assertion;
use crate::credentials::Credentials;
use crate::exposure::Head;
use crate::request::Request;
use crate::stack::Shared;

/// Request and response of one form, before anything is screened, beside what the adapter makes of
/// them.
pub struct Exchange<T> {
    /// Request.
    pub sent: Sent,
    /// Head of the response, if one came in time.
    pub head: Option<Head>,
    /// Body of the response, its coding undone, if it came whole. May hold secrets, so it does not
    /// print.
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
    /// Headers but for those of the connection. `Authorization` has its scheme and [`MASK`], and
    /// those of the configuration are [`MASK`].
    pub headers: HeaderMap,
    /// Body: values of a form other than `client_id` are [`MASK`].
    pub form: String,
}

/// Text in place of a secret.
pub const MASK: &str = "***";

impl<T> Exchange<T> {
    /// Reads the answer further.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Result<U, Failure>) -> Exchange<U> {
        let Self {
            sent,
            head,
            body,
            outcome,
        } = self;
        Exchange {
            sent,
            head,
            body,
            outcome: outcome.and_then(read),
        }
    }
}

impl Sent {
    /// Shows a request that was built with masks, as the configuration completes it.
    pub(crate) fn shown(request: &Request, shared: &Shared) -> Self {
        let mut sent = Self::masked(request, shared);
        // A form is masked value by value; any other body was built with masks.
        if sent.form.is_empty() {
            sent.form = String::from_utf8_lossy(request.body_bytes()).into_owned();
        }
        sent
    }

    /// Shows a request as the configuration completes it.
    pub(crate) fn masked(request: &Request, shared: &Shared) -> Self {
        let names = request.form_names();
        let mut shown: Vec<_> = names.iter().map(|name| format!("{name}={MASK}")).collect();
        let scheme = match &*shared.credentials {
            Credentials::None => None,
            Credentials::Header(header) => {
                let header = header.get();
                Some(if header.as_bytes().starts_with(b"Basic ") {
                    "Basic"
                } else {
                    "Bearer"
                })
            }
            Credentials::Form { client_id, .. } => {
                shown.extend([
                    format!("client_id={}", encoded(client_id)),
                    format!("client_secret={MASK}"),
                ]);
                None
            }
            Credentials::Assertion(assertion, _) => {
                let [client_id, kind, field] = assertion::FIELDS;
                shown.extend([
                    format!("{client_id}={}", encoded(assertion.client_id())),
                    format!("{kind}={}", encoded(assertion::TYPE)),
                    format!("{field}={MASK}"),
                ]);
                None
            }
            Credentials::Certificate { client_id } => {
                shown.push(format!("client_id={}", encoded(client_id)));
                None
            }
            Credentials::Grant(_) => Some("Bearer"),
        };
        let (head, _) = request.to_http().into_parts();
        let mut headers = head.headers;
        // The length of a body tells that of the secrets in it.
        headers.remove(http::header::CONTENT_LENGTH);
        let masked =
            scheme.and_then(|scheme| HeaderValue::try_from(format!("{scheme} {MASK}")).ok());
        let secrets = headers.iter().filter(|(_, value)| value.is_sensitive());
        let secrets: Vec<_> = secrets.map(|(name, _)| name.clone()).collect();
        for name in secrets.iter().chain(shared.headers.names()) {
            headers.insert(name, HeaderValue::from_static(MASK));
        }
        headers.extend(masked.map(|value| (AUTHORIZATION, value)));
        Self {
            method: head.method,
            uri: head.uri,
            headers,
            form: shown.join("&"),
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
