//! A server behind TLS that says `{}`, or issues a token, and remembers who asked.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, Identity};

pub(crate) struct TlsServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    pub(crate) client: Option<CertificateDer<'static>>,
    pub(crate) authorization: Option<String>,
    /// Names of all headers.
    pub(crate) names: BTreeSet<String>,
    pub(crate) target: String,
    pub(crate) body: Bytes,
}

/// Protocols of the server, and the clients that it accepts.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) alpn: &'a [&'a str],
    pub(crate) clients: Option<&'a Authority>,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

impl Default for Terms<'_> {
    fn default() -> Self {
        Self {
            alpn: &["h2", "http/1.1"],
            clients: None,
            versions: rustls::DEFAULT_VERSIONS,
        }
    }
}

/// Accepts HTTP/2 as `localhost`.
pub(crate) fn http2_acceptor(authority: &Authority) -> TlsAcceptor {
    let terms = Terms {
        alpn: &["h2"],
        ..Terms::default()
    };
    TlsAcceptor::from(Arc::new(terms.config(&authority.issue("localhost"))))
}

impl Terms<'_> {
    pub(crate) fn config(&self, identity: &Identity) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![identity.certificate.clone()];
        let mut config = builder.with_single_cert(chain, identity.key()).unwrap();
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }
}

impl TlsServer {
    pub(crate) async fn start(identity: &Identity, terms: Terms<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(terms.config(identity)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&log)));
            }
        });
        Self { address, seen }
    }

    /// URL by name, which the certificate must contain.
    pub(crate) fn base_url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, log: Arc<Mutex<Vec<Seen>>>) {
    // A client that refuses us, or that we refuse, is what some tests are about.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let client = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first().cloned());
    let client = client.map(CertificateDer::into_owned);
    let service = service_fn(|request: Request<Incoming>| {
        let (client, log) = (client.clone(), Arc::clone(&log));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let authorization = head.headers.get("authorization");
            log.lock().unwrap().push(Seen {
                version: head.version,
                client,
                authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
                names: head.headers.keys().map(ToString::to_string).collect(),
                target: head.uri.path_and_query().unwrap().to_string(),
                body,
            });
            let body = if head.uri.path() == "/token" {
                r#"{"access_token":"tls-tok"}"#
            } else {
                "{}"
            };
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
        }
    });
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
