use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use introspectd_core::{BadAnswer, Failure, Outage};
use rustls::ClientConfig;

use crate::answer::screen;

pub(crate) const MAX_BODY: usize = 1024 * 1024;
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Connections to a provider, without the deadline over an exchange and without credentials.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What is sent.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) body: Option<(HeaderValue, Bytes)>,
}

impl Pool {
    /// `timeout` bounds the making of a connection.
    pub(crate) fn new(tls: ClientConfig, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Self(
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                // Shorter than servers keep idle connections, so that a question rarely meets a closing one.
                .pool_idle_timeout(Duration::from_secs(15))
                // Questions keep a shared connection from being idle, so that one whose other end has vanished
                // would serve timeouts until the kernel gives it up, a quarter of an hour later.
                .http2_keep_alive_interval(Duration::from_secs(5))
                .http2_keep_alive_timeout(Duration::from_secs(5))
                .build(connector),
        )
    }

    pub(crate) async fn send(
        &self,
        question: Question,
        authorization: Option<&HeaderValue>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        whole(self.open(question, authorization).await?).await
    }

    /// Asks, and leaves the answer's body to be read.
    pub(crate) async fn open(
        &self,
        question: Question,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, Failure> {
        let (content_type, body) = question.body.unzip();
        // hyper says nothing of an empty body, and front ends of Google refuse a POST without a length (411).
        let length = body.as_ref().map(Bytes::len);
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = question.method;
        *request.uri_mut() = question.uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("introspectd/", env!("CARGO_PKG_VERSION"))));
        headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
        headers.extend(length.map(|length| (CONTENT_LENGTH, length.into())));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value.clone())));

        self.0.request(request).await.map_err(|error| before_the_head(&error))
    }
}

/// Reads all of an answer.
pub(crate) async fn whole(response: Response<Incoming>) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| {
        let broken = if error.is::<LengthLimitError>() { BadAnswer::TooLarge } else { BadAnswer::Truncated };
        // Whatever became of the page below it, a 503 stays a 503.
        screen(head.status, &head.headers).err().unwrap_or_else(|| broken.into())
    })?;
    Ok((head.status, head.headers, body.to_bytes()))
}

/// What an error before the answer's head means.
fn before_the_head(error: &legacy::Error) -> Failure {
    let mut source = error.source();
    while let Some(error) = source {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return BadAnswer::NotHttp.into();
        }
        match error.downcast_ref::<io::Error>() {
            // The connector shares the time out between a host's addresses, so it may end just before ours.
            Some(error) if error.kind() == io::ErrorKind::TimedOut => return Failure::Timeout,
            Some(error) if is_reset(error) => return Failure::outage(Outage::Unreachable),
            Some(_) | None => source = error.source(),
        }
    }
    Failure::outage(if error.is_connect() { Outage::Unreachable } else { Outage::Closed })
}

/// By TCP, or by TLS: in version 1.3 a server refuses our certificate when we already asked. HTTP/2
/// leaves of such an error no more than its kind.
fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::InvalidData)
}

impl Question {
    pub(crate) fn form(uri: Uri, body: String) -> Self {
        Self { method: Method::POST, uri, body: Some((FORM, body.into())) }
    }

    pub(crate) fn json(uri: Uri, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, uri, body: Some((JSON, body.into())) }
    }

    pub(crate) fn delete(uri: Uri, json: Option<&serde_json::Value>) -> Self {
        let body = json.map(|json| (JSON, json.to_string().into()));
        Self { method: Method::DELETE, uri, body }
    }
}
