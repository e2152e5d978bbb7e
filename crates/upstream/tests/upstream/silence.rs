//! Tokens and secrets are never printed, nor anything that contains them.

use introspectd_simulators::{Answer as Said, Fault, rfc7662};
use introspectd_test_log::{Level, Log};
use introspectd_upstream::{Dialect, Request};

use crate::authority::Authority;
use crate::grant::Provider;
use crate::provider::{authorizations, connected, connection, silent, upstream, uri};
use crate::tls_server::{Terms, TlsServer};

const SECRET: &str = "hunter2-secret";
/// Base64 of `ops:hunter2-secret`.
const BASIC: &str = "b3BzOmh1bnRlcjItc2VjcmV0";

/// All types whose credential is [`SECRET`].
fn credentials() -> [String; 5] {
    let client = format!("client_id = \"ops\", client_secret = {{ literal = {SECRET:?} }}");
    [
        format!("type = \"bearer\", token = {{ literal = {SECRET:?} }}"),
        format!("type = \"basic\", username = \"ops\", password = {{ literal = {SECRET:?} }}"),
        format!("type = \"client_secret_basic\", {client}"),
        format!("type = \"client_secret_post\", {client}"),
        format!(
            "type = \"client_credentials\", token_endpoint = \"http://127.0.0.1:1/t\", {client}"
        ),
    ]
}

fn assert_silent(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
        // As `Debug` prints bytes: [104, 117, …]
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(
            !text.contains(bytes.trim_matches(['[', ']'])),
            "{secret}, as bytes, in {text}"
        );
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let authority = Authority::new();
    let identity = authority.issue("introspectd");
    let pem = std::fs::read_to_string(&identity.key_file).unwrap();
    let key = identity.key_pair.serialized_der();
    let mut dialects = vec![(Dialect::RestWithJsonGrant("/t"), {
        let client = format!("client_id = \"ops\", client_secret = {{ literal = {SECRET:?} }}");
        format!("type = \"client_credentials\", {client}")
    })];
    dialects.extend(credentials().map(|credentials| (Dialect::FormEndpoint, credentials)));
    let tls = format!(
        "tls = {{ ca = {:?}, certificate = {:?}, key = {:?} }}",
        authority.file(),
        identity.certificate_file,
        identity.key_file
    );
    for (dialect, credentials) in dialects {
        let more = format!("credentials = {{ {credentials} }}\n{tls}");
        let connection = connection(dialect, "http://127.0.0.1:1", &more);
        let mut text = format!("{connection:?} {connection:#?}");
        let upstream = connected(connection);
        text += &format!("{upstream:?} {upstream:#?}");
        assert!(text.contains("Connection") && text.contains("Upstream"));
        assert_silent(&text, &[SECRET, BASIC, pem.lines().nth(1).unwrap()]);
        let tail = format!("{:?}", &key[key.len() - 16..]);
        assert!(!text.contains(tail.trim_matches(['[', ']'])));
    }
}

#[tokio::test]
async fn no_log_of_any_level_holds_a_token_or_a_credential() {
    let log = Log::start(Level::TRACE);

    for credentials in credentials() {
        let server = silent().await;
        let more = format!("credentials = {{ {credentials} }}");
        let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
        let target = uri(&server.base_url(), &format!("/{}", rfc7662::ACTIVE));
        for fault in [
            None,
            Some(Fault::Truncate),
            Some(Fault::HangUp),
            Some(Fault::Answer(Said::empty(401))),
        ] {
            if let Some(fault) = fault {
                server.next(fault);
            }
            let _ = upstream.send(Request::get(target.clone())).await;
            let _ = upstream
                .send(
                    Request::post(target.clone())
                        .form(&[("token", rfc7662::ACTIVE)])
                        .repeatable(),
                )
                .await;
        }
    }

    let provider = Provider::start("").await;
    provider.ask().await.unwrap();
    provider.vendor.expire_credentials();
    provider.ask().await.unwrap();
    provider.tokens.next(Fault::Answer(Said::text(
        400,
        "text/plain",
        rfc7662::CLIENT_SECRET,
    )));
    provider.vendor.expire_credentials();
    assert!(provider.ask().await.is_err());

    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue("localhost"), Terms::default()).await;
    let more = format!(
        "credentials = {{ type = \"bearer\", token = {{ literal = {SECRET:?} }} }}\ntls = {{ ca = \
            {:?} }}",
        authority.file()
    );
    let upstream = upstream(Dialect::FormEndpoint, &server.base_url("localhost"), &more);
    let target = uri(
        &server.base_url("localhost"),
        &format!("/{}", rfc7662::ACTIVE),
    );
    upstream
        .send(
            Request::post(target)
                .form(&[("token", rfc7662::ACTIVE)])
                .repeatable(),
        )
        .await
        .unwrap();
    let sent = server.seen()[0].authorization.clone();
    assert_eq!(sent, Some(format!("Bearer {SECRET}")));

    let text = log.text();
    // It did listen: to us, and to what we use.
    assert!(
        text.contains("renewed our credential") && text.contains("could not renew our credential")
    );
    assert!(text.contains("h2::"), "{text}");
    let issued = authorizations(&provider.api);
    assert_eq!(issued.len(), 4);
    let mut secrets = vec![SECRET, BASIC, rfc7662::ACTIVE, rfc7662::CLIENT_SECRET];
    secrets.extend(
        issued
            .iter()
            .flatten()
            .map(|header| header.trim_start_matches("Bearer ")),
    );
    assert_silent(&text, &secrets);
}

#[tokio::test]
async fn a_grant_that_is_refused_each_time_is_logged_once_a_second() {
    let log = Log::start(Level::INFO);

    let provider = Provider::start("").await;
    provider.tokens.always(Fault::Answer(Said::empty(401)));
    for second in 1..4 {
        for _ in 0..20 {
            assert!(provider.ask().await.is_err());
        }
        let lines = log.text().matches("could not renew our credential").count();
        assert_eq!((lines, provider.tokens.count()), (second, 20 * second));
        provider.clock.advance(1);
    }
}
