//! What this program is when it starts itself: processes of their own, so that their time and memory are their
//! own, too.

mod authority;
mod floor;
mod guard;

use std::convert::Infallible;
use std::future::Future;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::failure::{Failure, Result, Tried};

/// Runs the role that the words name; `None` where they name none.
pub(crate) fn play(words: &[String]) -> Option<ExitCode> {
    let (role, rest) = words.split_first()?;
    let played = match role.as_str() {
        "guard" => guard::run(rest),
        "authority" => listen(rest, authority::service()),
        "floor" => listen(rest, floor::service()),
        _ => return None,
    };
    Some(match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            crate::complain(&failure.to_string());
            ExitCode::FAILURE
        }
    })
}

type Reply = Response<Full<Bytes>>;

fn listen<S, F>(words: &[String], answer: S) -> Result<()>
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let port = words.first().and_then(|word| word.parse().ok());
    let port: u16 = port.ok_or_else(|| Failure::new("a role takes a port"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.tried("cannot start a runtime")?;
    // As a task, so that it runs on the workers.
    let serving = runtime.spawn(serve(port, answer));
    runtime.block_on(serving).tried("the server ended")?
}

/// As bare as hyper comes, with its own default for slow heads.
async fn serve<S, F>(port: u16, answer: S) -> Result<()>
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.tried("cannot listen")?;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let reply = answer(request);
            async move { Ok::<_, Infallible>(reply.await) }
        });
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            // A client that leaves ends its connection with an error, and that is no news.
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
