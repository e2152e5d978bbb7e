//! A plain HTTP client.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::program::soon;

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn is_active(&self) -> bool {
        assert_eq!(self.status, 200, "{self:#?}");
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["active"].as_bool().unwrap()
    }
}

pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Reply {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    answer(&mut sender, request).await
}

/// Sends a request on a connection that is ready for it.
pub(crate) async fn answer(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Reply {
    let response = soon("an answer", sender.send_request(request))
        .await
        .unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(body.into()).unwrap(),
    }
}

pub(crate) async fn get(address: &str, path: &str) -> Reply {
    try_get(address, path).await.unwrap()
}

/// The error is that of the connection.
pub(crate) async fn try_get(address: &str, path: &str) -> io::Result<Reply> {
    let stream = TcpStream::connect(address).await?;
    let request = Request::get(path)
        .header("host", address)
        .body(Full::default())
        .unwrap();
    Ok(exchange(stream, request).await)
}

/// `POST /introspect` with this form and `Authorization`.
pub(crate) fn question(authorization: Option<&str>, form: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post("/introspect")
        .header("host", "introspectd")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.body(Full::from(form.to_owned())).unwrap()
}

pub(crate) async fn ask(address: &str, authorization: &str, form: &str) -> Reply {
    let stream = TcpStream::connect(address).await.unwrap();
    exchange(stream, question(Some(authorization), form)).await
}

pub(crate) async fn ask_as_edge(address: &str, token: &str) -> Reply {
    ask(
        address,
        &basic("edge", "edge-secret"),
        &format!("token={token}"),
    )
    .await
}

pub(crate) fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}
