//! TLS as the configuration describes it, asked by curl.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use introspectd_simulators::{Simulator, rfc7662};
use introspectd_tests::{Fixture, Gateway, Rfc7662, now};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tempfile::TempDir;
use tokio::process::Command;

/// A gateway that knows its callers by their certificates, and one authority for all of them.
struct Harness {
    gateway: Gateway,
    folder: TempDir,
    _server: Simulator<rfc7662::Rfc7662>,
}

impl Harness {
    async fn open() -> Self {
        Self::open_with("").await
    }

    /// Opens a server with further keys of the listener's TLS.
    async fn open_with(keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        authority.issue("server", SanType::IpAddress("127.0.0.1".parse().unwrap()));
        authority.issue(
            "edge",
            SanType::URI("spiffe://acme/edge".try_into().unwrap()),
        );
        authority.issue(
            "stranger",
            SanType::URI("spiffe://acme/stranger".try_into().unwrap()),
        );
        let file = |name: &str| folder.path().join(name).display().to_string();
        let tls = format!(
            "tls = {{ certificate = {:?}, key = {:?}, client_ca = {:?}{keys} }}",
            file("server.pem"),
            file("server.key"),
            file("ca.pem")
        );
        let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let gateway = Gateway::start_bare(&format!(
            r#"
            [listen]
            api = [{{ address = "127.0.0.1:0", {tls} }}]
            admin = ["127.0.0.1:0"]
            [callers.edge]
            certificate = {{ san = "spiffe://acme/edge" }}
            policies = ["any"]
            [callers.secretive]
            secret = {{ literal = "tls-secret-2b7e" }}
            permissions = ["introspect"]
            [policies.any]
            [policies.none]
            scope = ["nobody.has.this"]
            [routing]
            unmatched = "sso"
            [providers.sso]
            timeout = "60s"
            {}
            "#,
            Rfc7662::section(&server.base_url())
        ))
        .await;
        Self {
            gateway,
            folder,
            _server: server,
        }
    }

    /// Output and status of curl, or else its exit code. `client` names the certificate that it
    /// shows.
    async fn curl(
        &self,
        client: Option<&str>,
        path: &str,
        arguments: &[&str],
    ) -> Result<(String, String), i32> {
        let file = |name: String| -> PathBuf { self.folder.path().join(name) };
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--write-out",
            "\n%{http_code} %{http_version}",
        ]);
        curl.arg("--cacert")
            .arg(file("ca.pem".to_owned()))
            .args(arguments);
        if let Some(client) = client {
            curl.arg("--cert")
                .arg(file(format!("{client}.pem")))
                .arg("--key")
                .arg(file(format!("{client}.key")));
        }
        curl.arg(format!("https://{}{path}", self.gateway.api()))
            .stdin(Stdio::null());
        let output = curl
            .output()
            .await
            .expect("curl: run `cargo xtask test`, which installs it");
        if !output.status.success() {
            return Err(output.status.code().unwrap());
        }
        let output = String::from_utf8(output.stdout).unwrap();
        let (body, status) = output.rsplit_once('\n').unwrap();
        Ok((status.to_owned(), body.to_owned()))
    }
}

struct Authority<'a> {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: &'a Path,
}

impl<'a> Authority<'a> {
    fn new(folder: &'a Path) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Of the same name as what it issues, OpenSSL would take that for its own issuer.
        params
            .distinguished_name
            .push(DnType::CommonName, "The authority of this test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn issue(&self, name: &str, san: SanType) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![san];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_alone_authenticates_a_caller() {
    let harness = Harness::open().await;
    let token = format!("token={}", rfc7662::ACTIVE);
    for (version, expected) in [("--http1.1", "200 1.1"), ("--http2", "200 2")] {
        let (status, body) = harness
            .curl(Some("edge"), "/introspect", &[version, "-d", &token])
            .await
            .unwrap();
        assert_eq!(status, expected);
        assert!(body.starts_with(r#"{"active":true,"#), "{body}");
    }
    let (status, _) = harness
        .curl(Some("stranger"), "/introspect", &["-d", &token])
        .await
        .unwrap();
    assert_eq!(status, "401 2");
    assert!(
        harness
            .curl(None, "/introspect", &["-d", &token])
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn optional_certificate_leaves_the_caller_to_a_header() {
    let harness = Harness::open_with(", client_auth = \"optional\"").await;
    let other = tempfile::tempdir().unwrap();
    Authority::new(other.path()).issue(
        "edge",
        SanType::URI("spiffe://acme/edge".try_into().unwrap()),
    );
    for file in ["edge.pem", "edge.key"] {
        std::fs::rename(
            other.path().join(file),
            harness.folder.path().join(format!("other-{file}")),
        )
        .unwrap();
    }
    let token = format!("token={}", rfc7662::ACTIVE);
    let secret = ["-d", &token, "-u", "secretive:tls-secret-2b7e"];
    for (client, arguments, expected) in [
        (Some("edge"), &secret[..2], "200 2"),
        (Some("stranger"), &secret[..2], "401 2"),
        (Some("stranger"), &secret[..], "200 2"),
        (None, &secret[..2], "401 2"),
        (None, &secret[..], "200 2"),
    ] {
        let (status, body) = harness
            .curl(client, "/introspect", arguments)
            .await
            .unwrap();
        assert_eq!(status, expected, "{client:?} {body}");
    }
    assert!(
        harness
            .curl(Some("other-edge"), "/introspect", &secret)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_with_a_certificate_is_confined_to_its_policies() {
    let harness = Harness::open().await;
    let bearer = format!("Authorization: Bearer {}", rfc7662::ACTIVE);
    let forged = "X-Introspectd-Caller: Bearer forged";
    for (client, policy, expected) in [
        ("edge", "any", "200 2"),
        ("edge", "none", "403 2"),
        ("edge", "default", "403 2"),
        ("stranger", "any", "401 2"),
    ] {
        let path = format!("/forward-auth/{policy}");
        let (status, body) = harness
            .curl(Some(client), &path, &["-H", &bearer, "-H", forged])
            .await
            .unwrap();
        assert_eq!(status, expected, "{client} {policy} {body}");
    }
}
