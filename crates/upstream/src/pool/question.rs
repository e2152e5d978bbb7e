use std::error::Error as _;
use std::io;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use introspectd_core::{BadAnswer, DoubtHandler, Failure, Outage};

use super::link::is_reset;
use crate::connect::ConnectError;

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
}

/// Whether a question changes something at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It may be asked twice.
    None,
    /// It may not.
    Change,
}

impl Question {
    pub(crate) fn get(uri: Uri) -> Self {
        Self { method: Method::GET, uri, body: None, effect: Effect::None, doubt: None }
    }

    pub(crate) fn post(uri: Uri, media_type: HeaderValue, body: impl Into<Bytes>, effect: Effect) -> Self {
        let body = Some((media_type, body.into()));
        Self { method: Method::POST, uri, body, effect, doubt: None }
    }

    pub(crate) fn form(uri: Uri, body: String, effect: Effect) -> Self {
        Self::post(uri, FORM, body, effect)
    }

    pub(crate) fn json(uri: Uri, body: impl Into<Bytes>, effect: Effect) -> Self {
        Self::post(uri, JSON, body, effect)
    }

    pub(crate) fn delete(uri: Uri, json: Option<&serde_json::Value>) -> Self {
        let body = json.map(|json| (JSON, json.to_string().into()));
        Self { method: Method::DELETE, uri, body, effect: Effect::Change, doubt: None }
    }

    pub(super) fn request(&self, authorization: Option<&HeaderValue>) -> Request<Full<Bytes>> {
        let (content_type, body) = self.body.clone().unzip();
        // hyper says nothing of an empty body, and front ends of Google refuse a POST without a length (411).
        let length = body.as_ref().map(Bytes::len);
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
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

/// What it means that there is no connection.
pub(super) fn unreachable(error: &ConnectError) -> Failure {
    match error {
        ConnectError::Tcp(error) if error.kind() == io::ErrorKind::TimedOut => Failure::Timeout,
        ConnectError::Name | ConnectError::Tcp(_) | ConnectError::Tls => Failure::outage(Outage::Unreachable),
    }
}

/// What an error before the answer's head means.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return BadAnswer::NotHttp.into();
    }
    let mut source = error.source();
    while let Some(error) = source {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return BadAnswer::NotHttp.into();
        }
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => return Failure::Timeout,
            Some(error) if is_reset(error) => return Failure::outage(Outage::Unreachable),
            Some(_) | None => source = error.source(),
        }
    }
    Failure::outage(Outage::Closed)
}
