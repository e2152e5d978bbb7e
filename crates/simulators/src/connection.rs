//! One connection: every request on it is recorded, held, and answered or failed.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use socket2::{SockRef, Socket};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::body::{Payload, Pieces};
use crate::stage::Stage;
use crate::{Answer, Fault, Recorded, Vendor};

/// The means to end a connection under the feet of the HTTP server that owns its stream.
pub(crate) struct Connection {
    /// A second descriptor of the stream's socket.
    socket: Socket,
    ended: Notify,
}

impl Connection {
    pub(crate) fn new(stream: &TcpStream) -> io::Result<Arc<Self>> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream).try_clone()?;
        Ok(Arc::new(Self {
            socket,
            ended: Notify::new(),
        }))
    }

    /// Closes at once, both ways.
    pub(crate) fn hang_up(&self) {
        // Fails only when the client was faster.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.ended.notify_one();
    }

    /// Closes with a TCP reset.
    fn reset(&self) {
        // The last descriptor to be closed sends the reset. Fails only when the client was faster.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
        self.ended.notify_one();
    }
}

/// Serves one connection until either side ends it.
pub(crate) async fn serve<V: Vendor>(
    stage: Arc<Stage<V>>,
    connection: Arc<Connection>,
    stream: TcpStream,
) {
    let service =
        service_fn(|request| respond(Arc::clone(&stage), Arc::clone(&connection), request));
    let server = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // Errors here are clients that went away and faults that were asked for.
        _ = server.serve_connection(TokioIo::new(stream), service) => {}
        () = connection.ended.notified() => {}
    }
}

async fn respond<V: Vendor>(
    stage: Arc<Stage<V>>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Payload>, hyper::Error> {
    let request = recorded(request).await?;
    let treatment = stage.received(request.clone());
    if let Some(hold) = treatment.hold {
        hold.pass().await;
    }
    let normal = || stage.vendor.answer(&request);
    Ok(match treatment.fault {
        None => response(&normal()),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            response(&normal())
        }
        Some(Fault::Answer(answer)) => response(&answer),
        Some(Fault::Truncate) => truncated(normal()),
        Some(Fault::Oversize(bytes)) => pieces(Pieces::filler(bytes)),
        Some(Fault::Pieces(made)) => pieces(made),
        Some(Fault::HangUp) => {
            connection.hang_up();
            match never().await {}
        }
        Some(Fault::Reset) => {
            connection.reset();
            match never().await {}
        }
        Some(Fault::Hang) => match never().await {},
    })
}

async fn recorded(request: Request<Incoming>) -> Result<Recorded, hyper::Error> {
    let (head, body) = request.into_parts();
    let target = match head.version {
        // hyper puts scheme and authority back into the URI; on the wire they are fields of their
        // own.
        Version::HTTP_2 => head
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        _ => head.uri.to_string(),
    };
    Ok(Recorded {
        method: head.method.to_string(),
        target,
        headers: headers(&head.headers),
        body: body.collect().await?.to_bytes().to_vec(),
        version: head.version,
    })
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

async fn never() -> Infallible {
    pending().await
}

fn response(answer: &Answer) -> Response<Payload> {
    with_head(answer, Payload::whole(answer.body.clone()))
}

fn truncated(mut answer: Answer) -> Response<Payload> {
    if answer.status == 204 {
        answer.status = 200;
    }
    let body = answer.body.clone();
    // One more than the half that is sent, should the body be empty.
    let claimed = body.len().max(1);
    let mut response = with_head(&answer, Payload::first_half(&body));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, claimed.into());
    response
}

fn pieces(pieces: Pieces) -> Response<Payload> {
    with_head(
        &Answer::text(200, "application/json", ""),
        Payload::Pieces(pieces, 0),
    )
}

/// A status or header that HTTP cannot carry is a mistake in a test: 599 says so, and nothing else
/// does.
fn with_head(answer: &Answer, body: Payload) -> Response<Payload> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Payload::whole("not a status or header".into()));
        *response.status_mut() =
            StatusCode::from_u16(599).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    })
}
