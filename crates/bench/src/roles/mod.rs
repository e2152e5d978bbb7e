//! Roles of this program: processes of their own, so that their time and memory are their own, too.

mod authority;
mod cached;
mod drip;
mod floor;
mod guard;
mod map;
mod mirror;
mod peer;
mod second_tier;

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::failure::{Failure, Result, Tried};

/// Runs the role that the words name; `None` where they name none.
pub(crate) fn play(words: &[String]) -> Option<ExitCode> {
    let (role, rest) = words.split_first()?;
    let played = match role.as_str() {
        "guard" => guard::run(rest),
        "authority" => listen(rest, authority::service()),
        "cached" => cached(rest),
        "floor" => listen(rest, floor::service()),
        "map" => map::run(rest),
        "mirror" => mirror(rest),
        "second-tier" => second_tier::run(rest),
        "tonic" => peer::run(rest),
        _ => return None,
    };
    Some(match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            crate::print_error(&failure.to_string());
            ExitCode::FAILURE
        }
    })
}

type Reply = Response<Full<Bytes>>;

fn mirror(words: &[String]) -> Result<()> {
    let (other, own) = words
        .split_last()
        .ok_or_else(|| Failure::new("a mirror takes two ports"))?;
    listen(own, mirror::service(other.parse().tried("a port")?)?)
}

fn cached(words: &[String]) -> Result<()> {
    let (name, own) = words
        .split_first()
        .ok_or_else(|| Failure::new("a server with a cache takes its name and a port"))?;
    match name.as_str() {
        "quick_cache" => listen(own, cached::service(map::quick(cached::TOKENS))),
        "moka" => listen(own, cached::service(map::moka(cached::TOKENS))),
        other => Err(Failure::new(format!("no map is called {other}"))),
    }
}

fn listen<S, F, B>(words: &[String], answer: S) -> Result<()>
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let port = |word: &String| word.parse::<u16>().tried("a role takes a port");
    let (plain, tls) = match words {
        [plain] => (port(plain)?, None),
        [plain, tls, certificate, key] => (
            port(plain)?,
            Some((port(tls)?, acceptor(certificate, key)?)),
        ),
        _ => {
            return Err(Failure::new(
                "a role takes a port, and perhaps that of TLS, a certificate and a key",
            ));
        }
    };
    let runtime = runtime()?;
    // As a task, so that it runs on the workers.
    if let Some((port, acceptor)) = tls {
        runtime.spawn(serve(port, Some(acceptor), answer.clone()));
    }
    let serving = runtime.spawn(serve(plain, None, answer));
    runtime.block_on(serving).tried("the server ended")?
}

fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.tried("cannot start a runtime")
}

/// Serves with hyper alone, with its own default for slow heads.
async fn serve<S, F, B>(port: u16, tls: Option<TlsAcceptor>, answer: S) -> Result<()>
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .tried("cannot listen")?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        match tls.clone() {
            None => drop(tokio::spawn(converse(stream, answer))),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(stream) = tls.accept(stream).await {
                    converse(stream, answer).await;
                }
            })),
        }
    }
}

/// Answers on one connection. A client that leaves ends it with an error, which is no news.
async fn converse<S, F, B>(stream: impl AsyncRead + AsyncWrite + Unpin + Send, answer: S)
where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let service = service_fn(move |request| {
        let reply = answer(request);
        async move { Ok::<_, Infallible>(reply.await) }
    });
    let mut http = http1::Builder::new();
    let _ = http
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate).tried(certificate)?;
    let chain = chain
        .collect::<std::result::Result<Vec<_>, _>>()
        .tried(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).tried(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder
        .tried("TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .tried("TLS")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn reply<B>(status: StatusCode, body: B) -> Response<B> {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
