//! Requests and answers of the HTTP API.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::cast::{Caller, Which};
use crate::load::pool::{Body, send, speak_http1};
use crate::load::{PATIENCE, pick};
use crate::oracle::seen::Seen;

const FORM: &str = "application/x-www-form-urlencoded";
/// Exactly this, byte for byte.
const INACTIVE: &[u8] = b"{\"active\":false}";

/// The value of `Authorization: Basic`.
pub(crate) fn basic(name: &str, secret: &str) -> String {
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
        | Caller::Metered => basic(caller.name(), &caller.secret()),
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
        let name = serde_json::from_slice(body).map(|Error { error }| error);
        return refused(status, &name.unwrap_or_default(), headers);
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
            Which::Bank | Which::Legacy | Which::Sso => jti,
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
            Which::Bank | Which::Legacy | Which::Sso => "x-auth-token-id",
        };
        return Seen::Active(text(mark).map(str::to_owned));
    }
    refused(
        status,
        text("x-introspectd-error").unwrap_or_default(),
        headers,
    )
}

/// Reads a refusal by status and name.
fn refused(status: StatusCode, name: &str, headers: &HeaderMap) -> Seen {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match (status.as_u16(), name) {
        (401, "invalid_client") => Seen::Unknown,
        (401, "invalid_token") => Seen::Inactive,
        (403, "access_denied") => Seen::Forbidden,
        (403, "insufficient_scope") => Seen::Insufficient,
        (429, "rate_limited") if retry_after >= Some(1) => Seen::Limited,
        (status @ 500.., name) => Seen::Failed {
            status,
            name: name.to_owned(),
            retry_after: retry_after >= Some(1),
        },
        (status, name) => Seen::Odd(format!("status {status} with the name {name:?}")),
    }
}

/// The operator's client: a connection for each request.
pub(crate) struct Operator {
    address: SocketAddr,
    credentials: String,
}

impl Operator {
    pub(crate) fn new(address: SocketAddr, (name, secret): (&str, &str)) -> Self {
        Self {
            address,
            credentials: basic(name, secret),
        }
    }

    /// Asks, and returns status and body.
    ///
    /// # Errors
    /// No answer, for whatever reason.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Result<(u16, Bytes), String> {
        let asked = async {
            let stream = TcpStream::connect(self.address).await.map_err(display)?;
            let mut connection = speak_http1(stream, 0).await.map_err(display)?;
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(HOST, "introspectd")
                .header(AUTHORIZATION, &self.credentials)
                .header(CONTENT_TYPE, content_type)
                .body(Full::from(body))
                .map_err(display)?;
            let answer = send(&mut connection, request).await.map_err(display)?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(display)?;
            Ok((status, body.to_bytes()))
        };
        let timeout = tokio::time::timeout(PATIENCE, asked).await;
        timeout.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    /// Posts a form with one token.
    ///
    /// # Errors
    /// No answer, for whatever reason.
    pub(crate) async fn post_token(&self, path: &str, token: &str) -> Result<(u16, Bytes), String> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .finish();
        self.ask(Method::POST, path, FORM, form).await
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}
