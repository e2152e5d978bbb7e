//! HTTP clients. Every reply is checked for what all replies have in common.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use introspectd_front::ListenerIdentity;
use introspectd_server::Arrival;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::bench::{Bench, soon};

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn cache(&self) -> &str {
        self.header("x-cache").unwrap()
    }

    #[track_caller]
    pub(crate) fn is_active(&self) -> bool {
        assert_eq!(self.status, 200, "{self:#?}");
        if self.body == "{\"active\":false}" {
            return false;
        }
        assert_eq!(self.json()["active"], true, "{self:#?}");
        true
    }

    /// A refusal with this status and `error`.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, error: &str) {
        assert_eq!(
            (self.status, self.json()["error"].as_str()),
            (status, Some(error)),
            "{self:#?}"
        );
    }

    /// The headers apart from the date, in order.
    pub(crate) fn stable_headers(&self) -> Vec<(String, String)> {
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        headers.sort();
        headers
    }

    #[track_caller]
    fn checked(self, head_only: bool) -> Self {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:#?}");
        assert!(
            self.status == 200 || !self.headers.contains_key("x-cache"),
            "{self:#?}"
        );
        // A request that may pass, or something done.
        if self.status == 200 && self.body.is_empty() && !head_only {
            assert!(!self.headers.contains_key("content-type"), "{self:#?}");
            return self;
        }
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:#?}"
        );
        assert_eq!(
            self.headers.contains_key("content-language"),
            self.status != 200,
            "{self:#?}"
        );
        assert_eq!(
            self.headers.contains_key("allow"),
            self.status == 405,
            "{self:#?}"
        );
        // An explanation names refusals, and is none.
        let says = |word: &str| self.status != 200 && self.body.contains(word);
        let is_transient = says("temporarily_unavailable") || says("rate_limited");
        assert!(
            head_only || self.headers.contains_key("retry-after") == is_transient,
            "{self:#?}"
        );
        let is_challenged = self.status == 401 || says("insufficient_scope");
        assert_eq!(
            self.headers.contains_key("www-authenticate"),
            is_challenged,
            "{self:#?}"
        );
        if self.status != 200 && !head_only {
            let body = self.json();
            let members: Vec<_> = body
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(members, ["error", "error_description"], "{self:#?}");
        }
        self
    }
}

pub(crate) async fn received<B>(response: Response<B>, head_only: bool) -> Reply
where
    B: Body<Error: std::fmt::Debug>,
{
    let (head, body) = response.into_parts();
    let body = soon("the body", body.collect()).await.unwrap().to_bytes();
    let body = String::from_utf8(body.into()).unwrap();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    }
    .checked(head_only)
}

/// One exchange over HTTP/1.1 on a connection of its own.
pub(crate) async fn exchange<B>(address: SocketAddr, request: Request<B>) -> Reply
where
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    exchange_on(TcpStream::connect(address).await.unwrap(), request).await
}

/// Sends a request over HTTP/1.1 on an open connection.
pub(crate) async fn exchange_on<T, B>(stream: T, request: Request<B>) -> Reply
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let head_only = request.method() == http::Method::HEAD;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = soon("an answer", sender.send_request(request))
        .await
        .unwrap();
    received(response, head_only).await
}

/// HTTP/2 with prior knowledge.
pub(crate) async fn http2_to(address: SocketAddr) -> http2::SendRequest<Full<Bytes>> {
    http2_on(TcpStream::connect(address).await.unwrap()).await
}

/// Sends a request over HTTP/2 on an open connection.
pub(crate) async fn http2_on<T>(stream: T) -> http2::SendRequest<Full<Bytes>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// A request to be, by default `POST /introspect` as `operator`.
#[derive(Clone)]
pub(crate) struct Ask {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

impl Ask {
    /// Creates a request with this form as body.
    pub(crate) fn form(body: impl Into<Bytes>) -> Self {
        let ask = Self {
            method: "POST",
            target: "/introspect".to_owned(),
            headers: Vec::new(),
            body: body.into(),
        };
        ask.header("content-type", FORM)
            .header("authorization", "Bearer operator-secret")
    }

    pub(crate) fn token(token: &str) -> Self {
        Self::form(format!("token={token}"))
    }

    /// Replaces any header of the same name.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Beside any of the same name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self
    }

    pub(crate) fn by(self, authorization: &str) -> Self {
        self.header("authorization", authorization)
    }

    pub(crate) fn to(mut self, method: &'static str, target: &str) -> Self {
        (self.method, self.target) = (method, target.to_owned());
        self
    }

    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method).uri(&self.target);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", "introspectd");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.clone())).unwrap()
    }

    /// Builds the request for HTTP/2, where the authority replaces `Host`.
    pub(crate) fn http2_request(&self, address: SocketAddr) -> Request<Full<Bytes>> {
        let mut request = self.request();
        request.headers_mut().remove("host");
        *request.uri_mut() = format!("http://{address}{}", self.target).parse().unwrap();
        *request.version_mut() = http::Version::HTTP_2;
        request
    }

    pub(crate) async fn at(&self, bench: &Bench) -> Reply {
        exchange(bench.address, self.request()).await
    }

    /// Past the sockets.
    pub(crate) async fn past_sockets(&self, bench: &Bench) -> Reply {
        let identity = ListenerIdentity {
            caller: None,
            takes_caller_header: true,
        };
        let handler = bench.api.handler(&identity, &Arrival::default());
        received(handler.answer(self.request()).await, false).await
    }
}

pub(crate) fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}
