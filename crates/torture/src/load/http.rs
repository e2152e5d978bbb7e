//! Requests and answers of the HTTP API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;

use crate::cast::{Caller, Which};
use crate::load::pick;
use crate::load::pool::Body;
use crate::oracle::seen::Seen;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// Exactly this, byte for byte.
const INACTIVE: &[u8] = b"{\"active\":false}";

/// The value of `Authorization: Basic`.
fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

/// Credentials of a caller; a stranger's are wrong.
pub(crate) fn credentials(caller: Caller) -> String {
    match caller {
        Caller::Stranger => basic(Caller::Edge.name(), &caller.secret()),
        Caller::Edge
        | Caller::Branch
        | Caller::Sidecar
        | Caller::Clerk
        | Caller::Guest
        | Caller::Metered
        | Caller::Operator => basic(caller.name(), &caller.secret()),
    }
}

/// `POST /introspect`.
pub(crate) fn introspect(request: &pick::Request) -> Result<Request<Body>, http::Error> {
    let mut builder = Request::post("/introspect")
        .header(HOST, "introspectd")
        .header(CONTENT_TYPE, FORM);
    // The Unix socket names its caller.
    if request.question.caller != Caller::Sidecar {
        builder = builder.header(AUTHORIZATION, credentials(request.question.caller));
    }
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &request.value)
        .finish();
    builder.body(Full::from(form))
}

/// `GET /forward-auth/orders`.
pub(crate) fn decide(request: &pick::Request) -> Result<Request<Body>, http::Error> {
    Request::get("/forward-auth/orders")
        .header(HOST, "introspectd")
        .header("x-introspectd-caller", credentials(request.question.caller))
        .header(AUTHORIZATION, format!("Bearer {}", request.value))
        .body(Full::default())
}

/// Members of an active answer that matter here.
#[derive(Deserialize)]
struct Answer {
    active: bool,
    jti: Option<String>,
    client_id: Option<String>,
}

#[derive(Deserialize)]
struct Error {
    error: String,
}

/// Reads an answer to `/introspect`.
pub(crate) fn introspected(
    provider: Which,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Seen {
    if status != StatusCode::OK {
        return failed(status, headers, body);
    }
    if body == INACTIVE {
        return Seen::Inactive;
    }
    match serde_json::from_slice(body) {
        Ok(Answer {
            active: true,
            jti,
            client_id,
        }) => Seen::Active(match provider {
            Which::Apis => client_id,
            Which::Bank | Which::Legacy | Which::Sso | Which::Corp => jti,
        }),
        Ok(_) | Err(_) => Seen::Odd(format!("200 {}", String::from_utf8_lossy(body))),
    }
}

/// Reads a decision.
pub(crate) fn decided(provider: Which, status: StatusCode, headers: &HeaderMap) -> Seen {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if status == StatusCode::OK {
        let mark = match provider {
            Which::Apis => "x-auth-client-id",
            Which::Bank | Which::Legacy | Which::Sso | Which::Corp => "x-auth-token-id",
        };
        return Seen::Active(text(mark).map(str::to_owned));
    }
    refused(
        status,
        text("x-introspectd-error").unwrap_or_default(),
        headers,
    )
}

/// Reads a refusal by its body.
pub(crate) fn failed(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Seen {
    let name = serde_json::from_slice(body).map(|Error { error }| error);
    refused(status, &name.unwrap_or_default(), headers)
}

/// Reads a refusal by status and name.
fn refused(status: StatusCode, name: &str, headers: &HeaderMap) -> Seen {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match (status.as_u16(), name, retry_after) {
        (401, "invalid_client", _) => Seen::Unknown,
        (401, "invalid_token", _) => Seen::Inactive,
        (403, "access_denied", _) => Seen::Forbidden,
        (403, "insufficient_scope", _) => Seen::Insufficient,
        (429, "rate_limited", Some(seconds)) => Seen::Limited(seconds),
        (status @ 500.., name, _) => Seen::Failed {
            status,
            name: name.to_owned(),
            retry_after: retry_after >= Some(1),
        },
        (status, name, _) => Seen::Odd(format!("status {status} with the name {name:?}")),
    }
}
