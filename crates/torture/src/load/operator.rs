//! An operator's client: a connection for each request.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cast::Caller;
use crate::load::PATIENCE;
use crate::load::http::{FORM, credentials};
use crate::load::pool::{send, speak_http1};

/// Client of one listener.
pub(crate) struct Operator {
    address: SocketAddr,
}

/// A request.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    content_type: &'static str,
    body: String,
}

/// The whole of an answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn get(path: &'static str) -> Self {
        Self {
            method: Method::GET,
            path,
            content_type: "",
            body: String::new(),
        }
    }

    pub(crate) fn json(method: Method, path: &'static str, body: &serde_json::Value) -> Self {
        Self {
            method,
            path,
            content_type: "application/json",
            body: body.to_string(),
        }
    }

    /// Posts a form with one token.
    pub(crate) fn token(path: &'static str, token: &str) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        Self {
            method: Method::POST,
            path,
            content_type: FORM,
            body: form.append_pair("token", token).finish(),
        }
    }
}

impl Operator {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Asks.
    ///
    /// # Errors
    /// No answer, for whatever reason.
    pub(crate) async fn ask(&self, call: Call) -> io::Result<Reply> {
        let exchange = async {
            let stream = TcpStream::connect(self.address).await?;
            let mut connection = speak_http1(stream, 0).await?;
            let request = Request::builder()
                .method(call.method)
                .uri(call.path)
                .header(HOST, "introspectd")
                .header(AUTHORIZATION, credentials(Caller::Operator))
                .header(CONTENT_TYPE, call.content_type)
                .body(Full::from(call.body))
                .map_err(io::Error::other)?;
            let answer = send(&mut connection, request).await;
            let (head, body) = answer.map_err(io::Error::other)?.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?;
            Ok(Reply {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        timeout(PATIENCE, exchange).await?
    }
}
