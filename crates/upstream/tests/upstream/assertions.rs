//! Clients that authenticate by a signed assertion, or by their certificate.

use std::collections::{BTreeMap, BTreeSet};

use introspectd_core::Timestamp;
use introspectd_jose::{Algorithm, Claims, JwkSet, Jws, Signer};
use introspectd_simulators::Recorded;
use introspectd_upstream::{Dialect, Request, Upstream};
use rcgen::KeyPair;
use tempfile::NamedTempFile;

use crate::authority::Authority;
use crate::provider::{connected, connection, read, silent, uri};
use crate::tls_server::{Terms, TlsServer};

const ISSUER: &str = "https://as.example/t/";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Key {
    file: NamedTempFile,
    public: JwkSet,
}

impl Key {
    fn new() -> Self {
        let file = NamedTempFile::new().unwrap();
        let mut key = Self {
            file,
            public: JwkSet::default(),
        };
        key.renew();
        key
    }

    /// Writes another key of another length into the file.
    fn renew(&mut self) {
        let pem = KeyPair::generate().unwrap().serialize_pem();
        let pem = format!("{}{pem}", "\n".repeat(self.public.keys().len()));
        std::fs::write(self.file.path(), &pem).unwrap();
        let signer = Signer::from_pem(&pem, Algorithm::Es256).unwrap();
        self.public = [signer.with_kid("k1".to_owned()).jwk().clone()]
            .into_iter()
            .collect();
    }

    fn credentials(&self, more: &str) -> String {
        let file = self.file.path();
        format!(
            "issuer = \"{ISSUER}\"\ncredentials = {{ type = \"private_key_jwt\", \
             client_id = \"us+them\", algorithm = \"ES256\", kid = \"k1\", \
             key = {{ file = {file:?} }}{more} }}\n"
        )
    }
}

fn form(request: &Recorded) -> BTreeMap<String, String> {
    request.form().into_iter().collect()
}

/// Verifies the assertion of a request by this key alone.
fn claims(request: &Recorded, key: &Key) -> Claims {
    let form = form(request);
    assert_eq!(form["client_id"], "us+them");
    assert_eq!(form["client_assertion_type"], ASSERTION);
    let jws = Jws::parse(&form["client_assertion"]).unwrap();
    assert_eq!(jws.unverified_header().kid(), Some("k1"));
    let verified = jws.verify(&key.public, &[Algorithm::Es256]).unwrap();
    verified.claims().unwrap()
}

fn post(base_url: &str, path: &str) -> Request {
    let request = Request::post(uri(base_url, path)).form(&[("token", "t")]);
    request.repeatable()
}

fn asking(base_url: &str, more: &str) -> Upstream {
    connected(connection(Dialect::FormEndpoint, base_url, more))
}

#[tokio::test]
async fn each_request_brings_a_fresh_assertion() {
    let (server, key) = (silent().await, Key::new());
    let upstream = asking(&server.base_url(), &key.credentials(""));
    for _ in 0..3 {
        upstream.send(post(&server.base_url(), "/i")).await.unwrap();
    }
    let now = Timestamp::from_seconds(1_800_000_000).unwrap();
    let mut ids = BTreeSet::new();
    for request in server.requests() {
        assert_eq!(form(&request)["token"], "t");
        assert_eq!(request.header("authorization"), None);
        let claims = claims(&request, &key);
        claims.check_iss("us+them").unwrap();
        assert_eq!(claims.text("sub").unwrap(), Some("us+them"));
        claims.check_aud(&[ISSUER]).unwrap();
        assert_eq!(claims.time("iat").unwrap(), Some(now));
        assert_eq!(
            claims.check_exp(now).unwrap(),
            now.plus_seconds(60).unwrap()
        );
        ids.insert(claims.text("jti").unwrap().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn audience_is_the_issuer_the_endpoint_or_a_url() {
    let (server, key) = (silent().await, Key::new());
    let base_url = server.base_url();
    let endpoint = format!("{base_url}/I/?a=%7e");
    for (more, audience) in [
        ("", ISSUER),
        (", audience = \"issuer\"", ISSUER),
        (", audience = \"endpoint\"", endpoint.as_str()),
        (
            ", audience = \"https://as.example/Token/\"",
            "https://as.example/Token/",
        ),
    ] {
        let upstream = asking(&base_url, &key.credentials(more));
        upstream.send(post(&base_url, "/I/?a=%7e")).await.unwrap();
        let request = server.requests().pop().unwrap();
        claims(&request, &key).check_aud(&[audience]).unwrap();
    }
}

#[tokio::test]
async fn key_is_renewed_with_its_file() {
    let (server, mut key) = (silent().await, Key::new());
    let upstream = asking(&server.base_url(), &key.credentials(""));
    upstream.send(post(&server.base_url(), "/i")).await.unwrap();
    claims(&server.requests()[0], &key);
    key.renew();
    upstream.send(post(&server.base_url(), "/i")).await.unwrap();
    claims(&server.requests()[1], &key);
    // What is no key leaves the former one in force.
    std::fs::write(key.file.path(), "no key").unwrap();
    upstream.send(post(&server.base_url(), "/i")).await.unwrap();
    claims(&server.requests()[2], &key);
}

#[tokio::test]
async fn exposed_request_masks_the_assertion() {
    let (server, key) = (silent().await, Key::new());
    let upstream = asking(&server.base_url(), &key.credentials(""));
    let sent = upstream.expose(post(&server.base_url(), "/i")).await.sent;
    assert!(sent.form.ends_with("client_assertion=***"), "{}", sent.form);
    assert!(sent.form.contains("client_id=us%2Bthem"), "{}", sent.form);
}

fn problem(dialect: Dialect, more: &str) -> (String, String) {
    let toml = format!("base_url = \"https://as.example\"\n{more}");
    let problems = read(dialect, &toml).map(|_| ()).expect_err(more);
    assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
    (problems[0].key.clone(), problems[0].what.clone())
}

#[test]
fn what_cannot_sign_is_named() {
    let key = Key::new();
    let told = |key: &str, what: &str| (format!("credentials.{key}"), what.to_owned());
    let good = key.credentials("");
    let no_issuer = good.replace(&format!("issuer = \"{ISSUER}\"\n"), "");
    let missing = told("audience", "is the issuer, which is missing");
    assert_eq!(problem(Dialect::FormEndpoint, &no_issuer), missing);
    let hmac = good.replace("ES256", "HS256");
    let unknown = told("algorithm", "is not known");
    assert_eq!(problem(Dialect::FormEndpoint, &hmac), unknown);
    let (place, what) = problem(Dialect::FormEndpoint, &good.replace("ES256", "RS256"));
    assert_eq!(place, "credentials.key");
    assert!(what.starts_with("cannot be used: "), "{what}");
    let urn = key.credentials(", audience = \"token\"");
    assert_eq!(
        problem(Dialect::FormEndpoint, &urn).0,
        "credentials.audience"
    );
    let rest = told("type", "does not fit this kind of provider");
    assert_eq!(problem(Dialect::Rest, &good), rest);
}

#[tokio::test]
async fn certificate_and_client_id_authenticate_together() {
    let authority = Authority::new();
    let server = TlsServer::start(
        &authority.issue("localhost"),
        Terms {
            clients: Some(&authority),
            ..Terms::default()
        },
    )
    .await;
    let ours = authority.issue("us.example");
    let (ca, certificate, key) = (authority.file(), &ours.certificate_file, &ours.key_file);
    let credentials = "credentials = { type = \"tls_client_auth\", client_id = \"us\" }\n";
    let base_url = server.base_url("localhost");
    let more = format!(
        "{credentials}tls = {{ ca = {ca:?}, certificate = {certificate:?}, key = {key:?} }}\n"
    );
    let upstream = asking(&base_url, &more);
    upstream.send(post(&base_url, "/i")).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].client.as_ref(), Some(&ours.certificate));
    assert_eq!(seen[0].body, "token=t&client_id=us");
    let without = format!("{credentials}tls = {{ ca = {ca:?} }}\n");
    let told = (
        "tls".to_owned(),
        "has no certificate for tls_client_auth".to_owned(),
    );
    assert_eq!(problem(Dialect::FormEndpoint, &without), told);
}
