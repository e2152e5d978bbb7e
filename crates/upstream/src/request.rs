use std::hash::Hash;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    PROXY_AUTHORIZATION, USER_AGENT,
};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;
use introspectd_core::DoubtHandler;
use introspectd_core::trace::Trace;
use tokio::time::Instant;

use crate::exposure::Exposure;
use crate::gate::Pass;
use crate::proxy::Proxy;
use crate::stage::Stage;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// W3C Trace Context section 3.2.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("introspectd/", env!("CARGO_PKG_VERSION")));

/// Request to a provider. May hold secrets, so it does not print.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    body: Option<(HeaderValue, Bytes)>,
    pub(crate) effect: Effect,
    /// The repetition of a request that was not processed.
    pub(crate) is_repeat: bool,
    pub(crate) is_listing: bool,
    pub(crate) is_streamed: bool,
    pub(crate) is_relayed: bool,
    pub(crate) is_refusable: bool,
    /// Further headers.
    pub(crate) headers: HeaderMap,
    /// Credential in `Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
    /// Listener for doubts about the response.
    pub(crate) doubt: Option<DoubtHandler>,
    /// Trace that the request is part of.
    pub(crate) trace: Option<Trace>,
    /// Number of tries before this one.
    pub(crate) resends: u32,
    pub(crate) stage: Stage,
    pub(crate) deadline: Option<Instant>,
    /// Passage of the gate.
    pub(crate) pass: Option<Pass>,
    pub(crate) exposure: Option<Exposure>,
}

/// Effect of a request at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// None: it may be sent twice, and over a connection that others use, too.
    None,
    /// A change: it is sent once, over a connection of its own.
    Change,
}

impl Request {
    /// Creates a GET, which changes nothing.
    pub fn get(uri: Uri) -> Self {
        Self::new(Method::GET, uri, Effect::None)
    }

    /// Creates a POST, which changes something unless it is [`repeatable`](Self::repeatable).
    pub fn post(uri: Uri) -> Self {
        Self::new(Method::POST, uri, Effect::Change)
    }

    /// Creates a DELETE.
    pub fn delete(uri: Uri) -> Self {
        Self::new(Method::DELETE, uri, Effect::Change)
    }

    fn new(method: Method, uri: Uri, effect: Effect) -> Self {
        Self {
            method,
            uri,
            body: None,
            effect,
            is_repeat: false,
            is_listing: false,
            is_streamed: false,
            is_relayed: false,
            is_refusable: false,
            headers: HeaderMap::new(),
            authorization: None,
            doubt: None,
            trace: None,
            resends: 0,
            stage: Stage::default(),
            deadline: None,
            pass: None,
            exposure: None,
        }
    }

    /// Sets a form as the body.
    #[must_use]
    pub fn form(self, form: &[(&str, &str)]) -> Self {
        self.body(
            FORM,
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form)
                .finish(),
        )
    }

    /// Sets the text of a JSON value as the body.
    #[must_use]
    pub fn json(self, json: impl Into<Bytes>) -> Self {
        self.body(JSON, json)
    }

    /// Sets an empty body of this media type.
    #[must_use]
    pub fn empty(self, media_type: &'static str) -> Self {
        self.body(HeaderValue::from_static(media_type), Bytes::new())
    }

    /// Sets a header, in place of the one of this name that the configuration or we would send. A
    /// value that is a secret is to be marked sensitive.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Marks a POST that changes nothing. It is sent again, once, if it was surely not processed.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.effect = Effect::None;
        self
    }

    /// Marks a request of a list, which takes none of the places of requests about tokens.
    #[must_use]
    pub fn listing(mut self) -> Self {
        self.is_listing = true;
        self
    }

    /// Leaves the body of a 200 to be read element by element, see
    /// [`Response::into_list`](crate::Response::into_list). The deadline then ends with the head;
    /// [`Elements`](crate::Elements) has the one of the body.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.is_streamed = true;
        self
    }

    /// Marks a body that brings credentials of its own: ours are not added, but for our
    /// certificate, and 401 and 403 are for whoever brought them. The response is UTF-8.
    #[must_use]
    pub fn relayed(mut self) -> Self {
        self.is_relayed = true;
        self
    }

    /// Lets 401 and 403 reach the adapter: the request carries no credential of ours that could be
    /// what was refused, so they are about the token.
    #[must_use]
    pub fn refusable(mut self) -> Self {
        self.is_refusable = true;
        self
    }

    /// Returns true unless the gate has shut since the request passed it.
    pub(crate) fn may_go_on(&self) -> bool {
        self.pass.as_ref().is_none_or(Pass::holds)
    }

    /// Returns what tells the request from others.
    pub(crate) fn subject(&self) -> impl Hash {
        (
            &self.method,
            &self.uri,
            self.body.as_ref().map(|(_, body)| body),
            // Names do not tell two requests of one description apart, values do.
            self.headers.values().collect::<Vec<_>>(),
        )
    }

    fn body(mut self, media_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.body = Some((media_type, body.into()));
        self
    }

    /// Adds to the body, if it is a form.
    pub(crate) fn add_to_form(&mut self, form: &[(&str, &str)]) {
        if let Some((media_type, body)) = &mut self.body
            && *media_type == FORM
        {
            let added = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form)
                .finish();
            *body = [&**body, b"&", added.as_bytes()].concat().into();
        }
    }

    /// Returns the body.
    pub(crate) fn body_bytes(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |(_, body)| body)
    }

    /// Returns the names in the body, if it is a form.
    pub(crate) fn form_names(&self) -> Vec<String> {
        let form = self
            .body
            .as_ref()
            .filter(|(media_type, _)| *media_type == FORM);
        let pairs = form
            .into_iter()
            .flat_map(|(_, body)| form_urlencoded::parse(body));
        pairs.map(|(name, _)| name.into_owned()).collect()
    }

    /// Returns what is sent.
    pub(crate) fn to_http(&self) -> http::Request<Full<Bytes>> {
        let (content_type, body) = self.body.clone().unzip();
        // hyper says nothing of an empty body, and front ends of Google refuse a POST without a
        // length (411).
        let length = body.as_ref().map(Bytes::len);
        let mut request = http::Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, AGENT);
        headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
        headers.extend(length.map(|length| (CONTENT_LENGTH, length.into())));
        let trace = self.trace.as_ref().map(|trace| trace.parent().as_str());
        let trace = trace.and_then(|trace| HeaderValue::try_from(trace).ok());
        headers.extend(trace.map(|trace| (TRACEPARENT, trace)));
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        request
    }
}

/// Turns a request into the form of HTTP/1.1, where the server's name stands in a header. A proxy
/// that is to answer it itself gets the whole address, and credentials.
pub(crate) fn wire_form(
    request: &mut http::Request<Full<Bytes>>,
    keep_alive: bool,
    proxy: Option<&Proxy>,
) {
    if !keep_alive {
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let uri = request.uri();
    let default_port = if uri.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let host = match uri.port_u16().filter(|port| *port != default_port) {
        Some(port) => format!("{}:{port}", uri.host().unwrap_or_default()),
        None => uri.host().unwrap_or_default().to_owned(),
    };
    let target = uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .parse();
    if let Ok(host) = host.try_into() {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    if let Some(proxy) = proxy {
        if let Some(authorization) = proxy.authorization() {
            let headers = request.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
    } else if let Ok(target) = target {
        *request.uri_mut() = target;
    }
}
