//! Files that are renewed in place.

use std::fs;

use introspectd_core::{Failure, Outage, Unreachable};
use introspectd_simulators::{Answer as Said, Fault};
use introspectd_upstream::{Dialect, Request};

use crate::authority::Authority;
use crate::provider::{
    authorizations, clock, connected_at, connection, open, silent, upstream, uri,
};
use crate::tls_server::{Terms, TlsServer};

const HOST: &str = "localhost";

#[tokio::test]
async fn new_connections_trust_a_renewed_authority() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&new.issue(HOST), Terms::default()).await;
    let base_url = server.base_url(HOST);
    let upstream = open(&base_url, &format!("tls = {{ ca = {:?} }}", old.file()));
    let ask = || upstream.send(Request::get(uri(&base_url, "/x")));
    let unknown = Failure::outage(Outage::Unreachable(Unreachable::UnknownAuthority));
    assert_eq!(ask().await.err(), Some(unknown));
    fs::write(old.file(), new.pem()).unwrap();
    assert!(ask().await.is_ok());
}

#[tokio::test]
async fn new_connections_show_a_renewed_certificate_and_never_half_of_one() {
    let authority = Authority::new();
    let (first, second) = (authority.issue("first"), authority.issue("second"));
    let terms = Terms {
        clients: Some(&authority),
        alpn: &["http/1.1"],
        ..Terms::default()
    };
    let server = TlsServer::start(&authority.issue(HOST), terms).await;
    let base_url = server.base_url(HOST);
    let (ca, certificate, key) = (authority.file(), &first.certificate_file, &first.key_file);
    let tls = format!("tls = {{ ca = {ca:?}, certificate = {certificate:?}, key = {key:?} }}");
    let upstream = open(&base_url, &format!("keep_alive = false\n{tls}"));
    let shown = async || {
        upstream
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .unwrap();
        server.seen().last().unwrap().client.clone().unwrap()
    };
    assert_eq!(shown().await, first.certificate);
    fs::copy(&second.certificate_file, certificate).unwrap();
    assert_eq!(shown().await, first.certificate);
    fs::copy(&second.key_file, key).unwrap();
    assert_eq!(shown().await, second.certificate);
}

#[tokio::test]
async fn requests_bring_a_renewed_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let secret = format!("{{ file = {file:?} }}");
    for (credentials, first, second) in [
        (
            format!("type = \"bearer\", token = {secret}"),
            "Bearer one",
            "Bearer second",
        ),
        // Of `u:one` and `u:second`.
        (
            format!("type = \"basic\", username = \"u\", password = {secret}"),
            "Basic dTpvbmU=",
            "Basic dTpzZWNvbmQ=",
        ),
        (
            format!("type = \"client_secret_basic\", client_id = \"u\", client_secret = {secret}"),
            "Basic dTpvbmU=",
            "Basic dTpzZWNvbmQ=",
        ),
    ] {
        fs::write(&file, "one\n").unwrap();
        let server = silent().await;
        let upstream = upstream(
            Dialect::FormEndpoint,
            &server.base_url(),
            &format!("credentials = {{ {credentials} }}"),
        );
        let ask = || upstream.send(Request::get(uri(&server.base_url(), "/x")));
        ask().await.unwrap();
        fs::write(&file, "second\n").unwrap();
        ask().await.unwrap();
        // No secret, so the former one holds.
        fs::write(&file, "\n").unwrap();
        ask().await.unwrap();
        let sent: Vec<_> = authorizations(&server).into_iter().flatten().collect();
        assert_eq!(sent, [first, second, second]);
    }
}

#[tokio::test]
async fn forms_bring_a_renewed_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "o&e").unwrap();
    let server = silent().await;
    let more = format!(
        "credentials = {{ type = \"client_secret_post\", client_id = \"u\", client_secret = {{ \
            file = {file:?} }} }}"
    );
    let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
    for secret in ["o&e", "second"] {
        fs::write(&file, secret).unwrap();
        upstream
            .send(
                Request::post(uri(&server.base_url(), "/x"))
                    .form(&[("token", "t")])
                    .repeatable(),
            )
            .await
            .unwrap();
    }
    let bodies: Vec<_> = server
        .requests()
        .into_iter()
        .map(|it| String::from_utf8(it.body).unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            "token=t&client_id=u&client_secret=o%26e",
            "token=t&client_id=u&client_secret=second"
        ]
    );
}

#[tokio::test]
async fn a_grant_is_asked_for_with_a_renewed_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "one").unwrap();
    let (api, tokens, clock) = (silent().await, silent().await, clock());
    let issued = serde_json::json!({"access_token": "tok", "expires_in": 60});
    tokens.always(Fault::Answer(Said::json(200, issued)));
    let more = format!(
        "credentials = {{ type = \"client_credentials\", token_endpoint = \"{}/t\", client_id = \
            \"u\", client_auth = \"post\", client_secret = {{ file = {file:?} }} }}",
        tokens.base_url()
    );
    let connection = connection(Dialect::Rest, &api.base_url(), &more);
    let upstream = connected_at(connection, &clock);
    for secret in ["one", "second"] {
        fs::write(&file, secret).unwrap();
        upstream
            .send(Request::get(uri(&api.base_url(), "/x")))
            .await
            .unwrap();
        clock.advance(61);
    }
    let bodies: Vec<_> = tokens
        .requests()
        .into_iter()
        .map(|it| String::from_utf8(it.body).unwrap())
        .collect();
    assert!(
        bodies[0].ends_with("client_secret=one") && bodies[1].ends_with("client_secret=second"),
        "{bodies:?}"
    );
}
