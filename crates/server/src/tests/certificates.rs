//! Connections of clients with certificates.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{GET, LONG, Served};
use crate::tls::{ClientAuth, Protocols, Tls, TlsFiles};

/// End of the client's certificate, far enough for rustls, which asks the machine's clock.
const END: i64 = 4_000_000_000;

/// Listener that demands certificates, so many seconds before the client's ends, and that client.
fn served_before_the_end(seconds: i64) -> (Served, TlsConnector) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = OffsetDateTime::from_unix_timestamp(END).unwrap();
        (params.signed_by(&key, &authority).unwrap(), key)
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (certificate, key) = issue("server");
    let files = TlsFiles {
        certificate: file("certificate.pem", certificate.pem()),
        key: file("key.pem", key.serialize_pem()),
        client_ca: Some(file("ca.pem", authority.pem())),
        client_auth: ClientAuth::Required,
    };
    let tls = Some(Arc::new(Tls::load(files, Protocols::Http).unwrap()));
    let served = Served {
        tls,
        ..Served::default()
    };
    served
        .clock
        .set(Timestamp::from_seconds(END - seconds).unwrap());
    // Files that are gone leave what was read in force.
    drop(folder);

    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let (certificate, key) = issue("client");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (served, TlsConnector::from(Arc::new(client)))
}

async fn connect(served: &Served, client: &TlsConnector) -> TlsStream<DuplexStream> {
    client
        .connect(ServerName::try_from("server").unwrap(), served.connect())
        .await
        .unwrap()
}

/// Returns true if the connection answers.
async fn is_answered(stream: &mut TlsStream<DuplexStream>) -> bool {
    let mut answer = vec![0; LONG.len()];
    let is_answered =
        stream.write_all(GET).await.is_ok() && stream.read_exact(&mut answer).await.is_ok();
    // The rest of it.
    let mut rest = [0; 4096];
    let _ = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut rest)).await;
    is_answered && answer.starts_with(b"HTTP/1.1 200")
}

#[tokio::test(start_paused = true)]
async fn busy_connection_ends_with_the_certificate_of_its_client() {
    let (served, client) = served_before_the_end(100);
    let mut stream = connect(&served, &client).await;
    let start = Instant::now();
    for _ in 0..99 {
        assert!(is_answered(&mut stream).await, "{:?}", start.elapsed());
        sleep(Duration::from_millis(900)).await;
        served.clock.advance(1);
    }
    sleep(Duration::from_secs(1)).await;
    served.clock.advance(1);
    sleep(Duration::from_secs(2)).await;
    assert!(!is_answered(&mut stream).await);
}

#[tokio::test(start_paused = true)]
async fn connection_at_rest_ends_with_the_certificate_of_its_client() {
    let (served, client) = served_before_the_end(15);
    let mut stream = connect(&served, &client).await;
    assert!(is_answered(&mut stream).await);
    sleep(Duration::from_secs(10)).await;
    served.clock.advance(15);
    // The next request at the latest checks it, and is not answered.
    assert!(!is_answered(&mut stream).await);
}

#[tokio::test(start_paused = true)]
async fn certificate_that_has_ended_lets_no_request_in() {
    let (served, client) = served_before_the_end(0);
    let mut stream = connect(&served, &client).await;
    assert!(!is_answered(&mut stream).await);
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_has_a_grace_past_the_certificates_end() {
    for (takes, is_in_time) in [(3, true), (60, false)] {
        let (served, client) = served_before_the_end(1);
        let served = Served {
            takes: Duration::from_secs(takes),
            ..served
        };
        let mut stream = connect(&served, &client).await;
        let clock = Arc::clone(&served.clock);
        tokio::spawn(async move {
            sleep(Duration::from_millis(500)).await;
            clock.advance(1);
        });
        assert_eq!(is_answered(&mut stream).await, is_in_time, "{takes} s");
    }
}
