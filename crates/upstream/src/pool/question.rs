use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT,
};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use introspectd_core::{BadAnswer, DoubtHandler, Failure, Outage};

use crate::reason;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("introspectd/", env!("CARGO_PKG_VERSION")));

/// What is sent.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) body: Option<(HeaderValue, Bytes)>,
    pub(crate) effect: Effect,
    /// Who is to hear of a doubt about the answer.
    pub(crate) doubt: Option<DoubtHandler>,
    pub(crate) stage: Stage,
}

/// Progress of an exchange, by which a timeout is named.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Waits>);

#[derive(Default)]
struct Waits {
    for_connection: AtomicBool,
    for_credential: AtomicBool,
}

/// Whether a question changes something at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It may be asked twice.
    None,
    /// It may not.
    Change,
}

impl Stage {
    pub(super) fn connect(&self) {
        self.0.for_connection.store(true, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.0.for_connection.store(false, Ordering::Relaxed);
    }

    /// Notes that a credential is waited for, or no longer.
    pub(crate) fn renew(&self, is_renewed: bool) {
        self.0.for_credential.store(!is_renewed, Ordering::Relaxed);
    }

    /// Returns true while a connection is waited for.
    pub(crate) fn is_connecting(&self) -> bool {
        self.0.for_connection.load(Ordering::Relaxed)
    }

    /// Returns true while a credential is waited for.
    pub(crate) fn is_renewing(&self) -> bool {
        self.0.for_credential.load(Ordering::Relaxed)
    }

    /// Names a timeout at this stage.
    pub(crate) fn timeout(&self) -> Failure {
        if self.is_connecting() { Failure::ConnectTimeout } else { Failure::Timeout }
    }
}

impl Question {
    pub(crate) fn get(uri: Uri) -> Self {
        Self {
            method: Method::GET,
            uri,
            body: None,
            effect: Effect::None,
            doubt: None,
            stage: Stage::default(),
        }
    }

    pub(crate) fn post(uri: Uri, media_type: HeaderValue, body: impl Into<Bytes>, effect: Effect) -> Self {
        let body = Some((media_type, body.into()));
        Self { method: Method::POST, uri, body, effect, doubt: None, stage: Stage::default() }
    }

    pub(crate) fn form(uri: Uri, form: &[(&str, &str)], effect: Effect) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        Self::post(uri, FORM, body, effect)
    }

    /// Adds to the body, if it is a form.
    pub(crate) fn add_to_form(&mut self, form: &[(&str, &str)]) {
        if let Some((media_type, body)) = &mut self.body
            && *media_type == FORM
        {
            let added = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            *body = [&**body, b"&", added.as_bytes()].concat().into();
        }
    }

    pub(crate) fn json(uri: Uri, body: impl Into<Bytes>, effect: Effect) -> Self {
        Self::post(uri, JSON, body, effect)
    }

    pub(crate) fn delete(uri: Uri, json: Option<&serde_json::Value>) -> Self {
        let body = json.map(|json| (JSON, json.to_string().into()));
        Self {
            method: Method::DELETE,
            uri,
            body,
            effect: Effect::Change,
            doubt: None,
            stage: Stage::default(),
        }
    }

    pub(crate) fn request(&self, authorization: Option<&HeaderValue>) -> Request<Full<Bytes>> {
        let (content_type, body) = self.body.clone().unzip();
        // hyper says nothing of an empty body, and front ends of Google refuse a POST without a length (411).
        let length = body.as_ref().map(Bytes::len);
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, AGENT);
        headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
        headers.extend(length.map(|length| (CONTENT_LENGTH, length.into())));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value.clone())));
        request
    }
}

/// Turns a request into the form of HTTP/1.1, where the server's name stands in a header.
pub(super) fn origin_form(request: &mut Request<Full<Bytes>>, keep_alive: bool) {
    if !keep_alive {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let uri = request.uri();
    let default_port = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = match uri.port_u16().filter(|port| *port != default_port) {
        Some(port) => format!("{}:{port}", uri.host().unwrap_or_default()),
        None => uri.host().unwrap_or_default().to_owned(),
    };
    let target = uri.path_and_query().map_or("/", |target| target.as_str()).parse();
    if let Ok(host) = host.try_into() {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    if let Ok(target) = target {
        *request.uri_mut() = target;
    }
}

/// Returns true where the other end closed the connection, and said no more. Asking again is worth it then, and not after
/// a silence.
pub(super) fn is_close(error: &hyper::Error) -> bool {
    let closed = [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
        ErrorKind::NotConnected,
    ];
    error.is_closed()
        || error.is_canceled()
        || error.is_incomplete_message()
        || causes(error)
            .any(|cause| cause.downcast_ref().is_some_and(|error: &io::Error| closed.contains(&error.kind())))
}

/// Returns true where an HTTP/2 server says that it has not processed the request (RFC 9113 section 8.7).
pub(super) fn is_refused_stream(error: &hyper::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

fn causes<'a>(error: &'a hyper::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |&cause: &&'a (dyn Error + 'static)| cause.source())
}

/// What an error before the answer's head means.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    let is_parse = |cause: &(dyn Error + 'static)| cause.downcast_ref().is_some_and(hyper::Error::is_parse);
    if error.is_parse() || causes(error).any(is_parse) {
        return BadAnswer::NotHttp.into();
    }
    for error in causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()) {
        if error.kind() == ErrorKind::TimedOut {
            return Failure::Timeout;
        }
        if let Some(reason) = reason::of_reset(error) {
            return Failure::outage(Outage::Unreachable(reason));
        }
    }
    Failure::outage(Outage::Closed)
}
