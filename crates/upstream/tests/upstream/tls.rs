//! The way to a provider, when it is encrypted.

use std::path::Path;
use std::process::Command;

use http::Version;
use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};
use introspectd_upstream::{Dialect, Request, Response};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{Authority, Identity};
use crate::provider::{connected, connection, open, read, silent, uri};
use crate::tls_server::{Terms, TlsServer};

const HOST: &str = "localhost";

fn trusting(authority: &Authority) -> String {
    format!("tls = {{ ca = {:?} }}", authority.file())
}

fn showing(authority: &Authority, identity: &Identity) -> String {
    let (ca, certificate, key) = (
        authority.file(),
        &identity.certificate_file,
        &identity.key_file,
    );
    format!("tls = {{ ca = {ca:?}, certificate = {certificate:?}, key = {key:?} }}")
}

async fn ask(server: &TlsServer, host: &str, tls: &str) -> Result<Response, Failure> {
    let base_url = server.base_url(host);
    open(&base_url, tls)
        .send(Request::get(uri(&base_url, "/x")))
        .await
}

fn unreachable(reason: Unreachable) -> Option<Failure> {
    Some(Failure::outage(Outage::Unreachable(reason)))
}

#[tokio::test]
async fn a_server_of_the_configured_authority_is_asked_in_the_http_it_agrees_to() {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    for (alpn, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1", "h2"], Version::HTTP_11),
        (&["http/1.1"], Version::HTTP_11),
        (&["h2"], Version::HTTP_2),
        (&[], Version::HTTP_11),
    ] {
        for versions in [&[&TLS12][..], &[&TLS13]] {
            let server = TlsServer::start(
                &identity,
                Terms {
                    alpn,
                    versions,
                    ..Terms::default()
                },
            )
            .await;
            assert!(ask(&server, HOST, &trusting(&authority)).await.is_ok());
            let [seen] = &server.seen()[..] else {
                panic!("one request")
            };
            assert_eq!(seen.version, version, "{alpn:?}");
            assert_eq!(seen.client, None);
        }
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_asked() {
    let identity = Authority::new().issue(HOST);
    let server = TlsServer::start(&identity, Terms::default()).await;
    // One of the same name, too.
    for other in [Authority::named("other"), Authority::new()] {
        let failure = ask(&server, HOST, &trusting(&other)).await.err();
        assert_eq!(failure, unreachable(Unreachable::UnknownAuthority));
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_server_with_the_certificate_of_another_host_is_not_asked() {
    let authority = Authority::new();
    for (name, host) in [
        ("as.example", HOST),
        (HOST, "127.0.0.1"),
        ("127.0.0.1", HOST),
    ] {
        let server = TlsServer::start(&authority.issue(name), Terms::default()).await;
        assert_eq!(
            ask(&server, host, &trusting(&authority)).await.err(),
            unreachable(Unreachable::WrongName),
            "{name}"
        );
        assert!(server.seen().is_empty());
    }
    let server = TlsServer::start(&authority.issue("127.0.0.1"), Terms::default()).await;
    assert!(
        ask(&server, "127.0.0.1", &trusting(&authority))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_server_whose_certificate_is_over_or_not_yet_valid_is_not_asked() {
    let authority = Authority::new();
    for (from, until, reason) in [
        (2001, 2002, Unreachable::Expired),
        (2998, 2999, Unreachable::NotYetValid),
    ] {
        let server =
            TlsServer::start(&authority.issue_for(HOST, from, until), Terms::default()).await;
        assert_eq!(
            ask(&server, HOST, &trusting(&authority)).await.err(),
            unreachable(reason)
        );
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_shows_an_authoritys_certificate_is_not_asked() {
    let authority = Authority::new();
    let identity = authority.self_signed(HOST);
    let server = TlsServer::start(&identity, Terms::default()).await;
    // As `openssl req -x509` makes it, in `ca` or not.
    for trusted in [authority.file(), identity.certificate_file] {
        let tls = format!("tls = {{ ca = {trusted:?} }}");
        let reason = unreachable(Unreachable::AuthorityCertificate);
        assert_eq!(ask(&server, HOST, &tls).await.err(), reason);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_complains_of_our_certificate_where_there_is_none_demands_one() {
    // Alerts as OpenSSL and Java send them in TLS 1.2: bad_certificate, unknown_ca,
    // handshake_failure.
    for (alert, without, with) in [
        (
            42,
            Unreachable::CertificateDemanded,
            Unreachable::CertificateRefused,
        ),
        (
            48,
            Unreachable::CertificateDemanded,
            Unreachable::CertificateRefused,
        ),
        (40, Unreachable::Tls, Unreachable::Tls),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut hello = [0; 4096];
                let _ = stream.read(&mut hello).await.unwrap();
                stream.write_all(&[21, 3, 3, 0, 2, 2, alert]).await.unwrap();
            }
        });
        let authority = Authority::new();
        let identity = authority.issue("introspectd");
        for (tls, reason) in [
            (trusting(&authority), without),
            (showing(&authority, &identity), with),
        ] {
            let answer = open(&base_url, &tls)
                .send(Request::get(uri(&base_url, "/x")))
                .await;
            assert_eq!(answer.err(), unreachable(reason), "{alert}");
        }
    }
}

#[tokio::test]
async fn a_server_with_tls_asked_without_does_not_answer_in_http() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue(HOST), Terms::default()).await;
    let base_url = server.base_url(HOST).replace("https:", "http:");
    let failure = open(&base_url, "")
        .send(Request::get(uri(&base_url, "/x")))
        .await
        .err();
    assert_eq!(failure, Some(BadAnswer::NotHttp.into()));
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_handshake_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let upstream = open(&base_url, &trusting(&Authority::new()));
    assert_eq!(
        upstream
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .err(),
        unreachable(Unreachable::Tls)
    );
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_by_https() {
    let server = silent().await;
    let base_url = server.base_url().replace("http:", "https:");
    let upstream = open(&base_url, &trusting(&Authority::new()));
    assert_eq!(
        upstream
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .err(),
        unreachable(Unreachable::NotTls)
    );
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn the_configured_client_certificate_is_shown() {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    let client = authority.issue("introspectd");
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let terms = Terms {
            clients: Some(&authority),
            versions,
            ..Terms::default()
        };
        let server = TlsServer::start(&identity, terms).await;
        assert!(
            ask(&server, HOST, &showing(&authority, &client))
                .await
                .is_ok()
        );
        assert_eq!(server.seen()[0].client.as_ref(), Some(&client.certificate));
    }
}

#[tokio::test]
async fn a_server_that_misses_our_certificate_is_unreachable() {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    let other = Authority::new();
    let stranger = other.issue("introspectd");
    for versions in [&[&TLS12][..], &[&TLS13]] {
        for alpn in [&["h2"][..], &["http/1.1"]] {
            let terms = Terms {
                clients: Some(&authority),
                versions,
                alpn,
            };
            let server = TlsServer::start(&identity, terms).await;
            let none = ask(&server, HOST, &trusting(&authority)).await.err();
            assert_eq!(
                none,
                unreachable(Unreachable::CertificateDemanded),
                "{alpn:?}"
            );
            let unknown = showing(&authority, &stranger);
            let other = ask(&server, HOST, &unknown).await.err();
            assert_eq!(
                other,
                unreachable(Unreachable::CertificateRefused),
                "{alpn:?}"
            );
            assert!(server.seen().is_empty());
        }
    }
}

#[tokio::test]
async fn a_token_endpoint_is_trusted_as_the_provider_is() {
    let authority = Authority::new();
    let tokens = TlsServer::start(&authority.issue(HOST), Terms::default()).await;
    let api = silent().await;
    let connection = connection(
        Dialect::Rest,
        &api.base_url(),
        &(grant(&tokens.base_url(HOST)) + &trusting(&authority)),
    );
    connected(connection)
        .send(Request::get(uri(&api.base_url(), "/x")))
        .await
        .unwrap();
    assert_eq!(
        api.requests()[0].header("authorization"),
        Some("Bearer tls-tok")
    );
}

fn grant(token_endpoint: &str) -> String {
    format!(
        "credentials = {{ type = \"client_credentials\", token_endpoint = \
            \"{token_endpoint}/token\", \
         client_id = \"x\", client_secret = {{ literal = \"x\" }} }}\n"
    )
}

/// The system's authorities are read once a process, so each case has one of its own.
#[tokio::test]
async fn without_an_authority_of_its_own_the_systems_count() {
    const TOKENS: &str = "INTROSPECTD_TEST_TOKENS";
    if let Ok(tokens) = std::env::var(TOKENS) {
        // The address is plain http: it is the token endpoint alone that needs them.
        let api = silent().await;
        let connection = connection(Dialect::Rest, &api.base_url(), &grant(&tokens));
        let upstream = connected(connection);
        let answer = upstream
            .send(Request::get(uri(&api.base_url(), "/x")))
            .await;
        // What the parent looks for.
        assert_eq!(answer.err(), None, "no answer");
        return;
    }
    let (system, other) = (Authority::new(), Authority::new());
    let tokens = TlsServer::start(&system.issue(HOST), Terms::default()).await;
    let run = |ca: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "tls::without_an_authority_of_its_own_the_systems_count",
        ]);
        command
            .env("SSL_CERT_FILE", ca)
            .env_remove("SSL_CERT_DIR")
            .env(TOKENS, tokens.base_url(HOST));
        command
    };
    for (ca, status, said) in [
        (system.file(), true, "1 passed"),
        (other.file(), false, "Unreachable"),
    ] {
        let mut command = run(&ca);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), status, "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn what_is_no_pem_is_told_with_its_key() {
    let authority = Authority::new();
    let client = authority.issue("introspectd");
    let other = authority.issue("other");
    let (ca, certificate, key) = (authority.file(), &client.certificate_file, &client.key_file);
    let missing = Path::new("/nonexistent.pem");
    for (tls, keys) in [
        (format!("ca = {missing:?}"), &["tls.ca"][..]),
        // A key where certificates belong.
        (format!("ca = {key:?}"), &["tls.ca"]),
        (
            format!("ca = {ca:?}, certificate = {certificate:?}"),
            &["tls"],
        ),
        (format!("ca = {ca:?}, key = {key:?}"), &["tls"]),
        (
            format!("ca = {ca:?}, certificate = {missing:?}, key = {missing:?}"),
            &["tls.certificate", "tls.key"],
        ),
        (
            format!("ca = {ca:?}, certificate = {key:?}, key = {certificate:?}"),
            &["tls.certificate", "tls.key"],
        ),
        (
            format!(
                "ca = {ca:?}, certificate = {certificate:?}, key = {:?}",
                other.key_file
            ),
            &["tls"],
        ),
        ("ca = 1".to_owned(), &["tls.ca"]),
    ] {
        let toml = format!(
            "base_url = \"https://as.example\"\ncredentials = {{ type = \"none\" }}\ntls = {{ \
                {tls} }}"
        );
        let problems = read(Dialect::Rest, &toml).map(|_| ()).expect_err(&toml);
        let told: Vec<_> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(told, keys, "{tls}");
        assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
    }
}
