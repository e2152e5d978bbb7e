//! Servers that cannot be reached, over real sockets and with real certificates.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use introspectd_simulators::Fault;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{TOKEN, Trial, active, agreeable, introspect};
use crate::program::Folder;

fn without_credentials(endpoint: impl Into<String>) -> Trial {
    Trial::at(endpoint).with(&["--credentials", "none"])
}

fn in_short(mut trial: Trial) -> Trial {
    let timeout = trial.arguments.iter_mut().find(|it| *it == "60s").unwrap();
    "1s".clone_into(timeout);
    trial
}

async fn found(trial: &Trial, what: &str, remedy: &str) {
    let ended = trial.secretly(TOKEN).await.with(3);
    assert!(
        ended.stderr.contains(what) && ended.stderr.contains(remedy),
        "{what}, {remedy}: {ended:#?}"
    );
    assert!(
        ended.stderr.contains("POST ") && ended.stderr.contains("token=***"),
        "{ended:#?}"
    );
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn closed_port_is_named() {
    // Bound, so that no other test's server is given the port, and never listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let what = format!("127.0.0.1 refuses connections to port {}", address.port());
    found(
        &without_credentials(format!("http://{address}/i")),
        &what,
        "Check that the server runs",
    )
    .await;
    let proxied =
        without_credentials(format!("http://{address}/i")).env("HTTPS_PROXY", "http://proxy:3128");
    found(&proxied, "HTTPS_PROXY is set but ignored", "direct way").await;
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let server = agreeable().await;
    server.always(Fault::Hang);
    let trial = in_short(without_credentials(introspect(&server)));
    found(&trial, "gave no answer in time", "--timeout 10s").await;
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn unknown_names_and_failed_resolution_are_distinct() {
    // RFC 6761 section 6.4: no server is asked.
    let unknown = without_credentials("https://as.invalid/i");
    found(&unknown, "the name as.invalid does not exist", "/etc/hosts").await;
    let lost = without_credentials("https://as.example/i");
    // Nothing listens there.
    lost.folder.write("resolv.conf", "nameserver 127.0.0.99\n");
    let mut command = lost.folder.command_of("unshare");
    command.args(if rustix::process::geteuid().is_root() {
        &[][..]
    } else {
        &["--map-root-user"]
    });
    let mounted = "mount --bind resolv.conf /etc/resolv.conf && exec \"$0\" \"$@\"";
    command
        .args([
            "--mount",
            "sh",
            "-c",
            mounted,
            env!("CARGO_BIN_EXE_introspectd"),
        ])
        .args(&lost.arguments);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let ended = crate::program::run(command, TOKEN).await.with(3);
    assert!(
        ended
            .stderr
            .contains("the name as.example cannot be resolved"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn failed_connection_is_distinct_from_a_silent_server() {
    // The kernel drops what comes when the queue is full; how long it is differs by one or two.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queue.push(stream.unwrap());
    }
    let trial = in_short(without_credentials(format!("http://{address}/i")));
    let what = format!(
        "no connection to port {} of 127.0.0.1 came about in time",
        address.port()
    );
    found(&trial, &what, "firewalls").await;
}

#[tokio::test]
async fn other_protocols_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"500 unrecognized command\r\n").await;
            });
        }
    });
    found(
        &without_credentials(format!("http://{address}/i")),
        "does not answer in HTTP",
        "https://",
    )
    .await;
    found(
        &without_credentials(format!("https://{address}/i")),
        "does not speak TLS",
        "http://",
    )
    .await;
}

/// Authority whose certificate is `ca.pem` of its folder.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: Folder,
}

/// Validity of a certificate.
#[derive(Clone, Copy)]
enum Validity {
    Now,
    Past,
    Future,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new();
        folder.write("ca.pem", issuer.pem());
        Self { issuer, folder }
    }

    fn ca(&self) -> String {
        self.folder.path("ca.pem").display().to_string()
    }

    /// Paths of a certificate and its key.
    fn client(&self) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["us".to_owned()])
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        let certificate = self.folder.write("us.pem", certificate.pem());
        let key = self.folder.write("us.key", key.serialize_pem());
        [certificate, key].map(|path| path.display().to_string())
    }

    /// Starts a server with a certificate of this authority. `clients` has it demand one of that
    /// authority.
    async fn serve(&self, name: &str, validity: Validity, clients: Option<&Self>) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        match validity {
            Validity::Now => {}
            Validity::Past => params.not_after = date_time_ymd(2020, 1, 1),
            Validity::Future => params.not_before = date_time_ymd(2999, 1, 1),
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config))));
        address
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that refuses it is what some tests are about.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let answer = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(active().to_string()))))
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn https(address: SocketAddr) -> Trial {
    without_credentials(format!("https://localhost:{}/i", address.port()))
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_named() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let (ca, others_ca) = (ours.ca(), other.ca());
    let good = ours.serve("localhost", Validity::Now, None).await;
    https(good)
        .with(&["--ca", &ca])
        .secretly(TOKEN)
        .await
        .with(0);
    found(&https(good), "from an unknown authority", "with --ca").await;
    found(
        &https(good).with(&["--ca", &others_ca]),
        "not in the file of --ca",
        "leave --ca out",
    )
    .await;
    let wrong_name = ours.serve("as.example", Validity::Now, None).await;
    found(
        &https(wrong_name).with(&["--ca", &ca]),
        "for another name than localhost",
        "subjectAltName",
    )
    .await;
    let past = ours.serve("localhost", Validity::Past, None).await;
    found(&https(past).with(&["--ca", &ca]), "has expired", "Renew it").await;
    let future = ours.serve("localhost", Validity::Future, None).await;
    found(
        &https(future).with(&["--ca", &ca]),
        "not valid yet",
        "clock",
    )
    .await;
}

#[tokio::test]
async fn plain_http_to_a_tls_port_is_named() {
    let address = Authority::new("ours")
        .serve("localhost", Validity::Now, None)
        .await;
    let ended = without_credentials(format!("http://{address}/i"))
        .secretly(TOKEN)
        .await
        .with(3);
    assert!(
        ended
            .stderr
            .contains("Write https:// in --endpoint if this is a TLS port"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn client_certificate_that_is_demanded_refused_or_good_is_named() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let ca = ours.ca();
    let address = ours.serve("localhost", Validity::Now, Some(&ours)).await;
    let trial = || https(address).with(&["--ca", &ca]);
    found(
        &trial(),
        "demands a client certificate",
        "--certificate and --key",
    )
    .await;
    let [certificate, key] = other.client();
    let strange = trial().with(&["--certificate", &certificate, "--key", &key]);
    found(&strange, "refuses our client certificate", "that it knows").await;
    let [certificate, key] = ours.client();
    let known = trial().with(&["--certificate", &certificate, "--key", &key]);
    let ended = known.secretly(TOKEN).await.with(0);
    let tls = format!(
        "tls                    = {{ ca = \"{ca}\", certificate = \"{certificate}\", key = \
            \"{key}\" }}"
    );
    assert!(ended.stdout.contains(&tls), "{ended:#?}");
    known.folder.write("introspectd.toml", &ended.stdout);
    let mut check = known.folder.command();
    check.args(["check", "--config", "introspectd.toml"]);
    crate::program::run(check, "").await.with(0);
}
