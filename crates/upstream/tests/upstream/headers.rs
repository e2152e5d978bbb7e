//! Headers of the configuration.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use http::{HeaderName, HeaderValue};
use introspectd_simulators::rfc7662::Rfc7662;
use introspectd_simulators::{Recorded, Simulator};
use introspectd_upstream::{Dialect, Request, Upstream};

use crate::grant::configured;
use crate::provider::{connected, connection, read, silent, upstream, uri};

fn with(headers: &str) -> String {
    let credentials =
        r#"credentials = { type = "basic", username = "u", password = { literal = "p" } }"#;
    format!("{credentials}\nheaders = {{ {headers} }}\n")
}

async fn ask(upstream: &Upstream, base_url: &str) {
    let request = Request::post(uri(base_url, "/i")).form(&[("token", "t")]);
    upstream.send(request.repeatable()).await.unwrap();
}

fn values<'a>(request: &'a Recorded, name: &str) -> Vec<&'a str> {
    let named = request.headers.iter().filter(|(known, _)| known == name);
    named.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn each_request_brings_the_configured_headers_once() {
    let server = silent().await;
    let more = with("X-Api-Key = { literal = \"k3y\" }, accept = { literal = \"text/x\" }");
    let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
    ask(&upstream, &server.base_url()).await;
    let request = &server.requests()[0];
    assert_eq!(values(request, "x-api-key"), ["k3y"]);
    assert_eq!(values(request, "accept"), ["text/x"]);
    assert_eq!(values(request, "authorization"), ["Basic dTpw"]);
    let own = Request::get(uri(&server.base_url(), "/i"));
    let own = own.header(
        HeaderName::from_static("x-api-key"),
        HeaderValue::from_static("own"),
    );
    upstream.send(own).await.unwrap();
    assert_eq!(values(&server.requests()[1], "x-api-key"), ["own"]);
    let relayed = Request::post(uri(&server.base_url(), "/i"))
        .json("{}")
        .relayed();
    upstream.send(relayed).await.unwrap();
    let relayed = &server.requests()[2];
    assert_eq!(values(relayed, "x-api-key"), ["k3y"]);
    assert_eq!(values(relayed, "authorization"), [""; 0]);
}

#[tokio::test]
async fn header_from_a_file_is_renewed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first\n").unwrap();
    let server = silent().await;
    let more = with(&format!("X-Api-Key = {{ file = {:?} }}", file.path()));
    let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
    ask(&upstream, &server.base_url()).await;
    std::fs::write(file.path(), "the second\n").unwrap();
    ask(&upstream, &server.base_url()).await;
    let requests = server.requests();
    let sent: Vec<_> = requests
        .iter()
        .flat_map(|it| values(it, "x-api-key"))
        .collect();
    assert_eq!(sent, ["first", "the second"]);
}

#[tokio::test]
async fn exposed_request_masks_the_configured_headers() {
    let server = silent().await;
    let more = with("X-Api-Key = { literal = \"hunter2\" }");
    let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), &more);
    let request = Request::get(uri(&server.base_url(), "/i"));
    let sent = upstream.expose(request).await.sent;
    assert_eq!(sent.headers["x-api-key"], "***");
}

#[test]
fn headers_that_frame_or_authenticate_are_refused() {
    let all = |headers: &str| {
        let toml = format!("base_url = \"http://127.0.0.1:1\"\n{}", with(headers));
        let problems = read(Dialect::FormEndpoint, &toml).map(|_| ()).unwrap_err();
        assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
        let told = problems
            .into_iter()
            .map(|problem| (problem.key, problem.what));
        told.collect::<Vec<_>>()
    };
    for name in [
        "Host",
        "Authorization",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Proxy-Authorization",
        "Accept-Encoding",
        "traceparent",
    ] {
        let told = all(&format!("{name} = {{ literal = \"x\" }}"));
        let expected = (
            format!("headers.{name}"),
            "cannot be set by headers".to_owned(),
        );
        assert_eq!(told, [expected], "{name}");
    }
    let told = |headers: &str| all(headers)[0].1.clone();
    assert_eq!(
        told("\"x y\" = { literal = \"x\" }"),
        "is no name of a header"
    );
    assert_eq!(
        told("\":path\" = { literal = \"x\" }"),
        "is no name of a header"
    );
    let twice = "X-A = { literal = \"x\" }, x-a = { literal = \"y\" }";
    assert_eq!(told(twice), "is there twice, in another case");
    assert_eq!(told("X-A = \"x\""), "a secret cannot be a plain string");
    let broken = "X-A = { literal = \"a\\r\\nHost: b\" }";
    assert_eq!(told(broken), "holds a character that no header can carry");
}

#[test]
fn values_of_headers_are_not_among_the_settings() {
    let toml = format!(
        "base_url = \"http://127.0.0.1:1\"\n{}",
        with("X-A = { literal = \"hunter2\" }")
    );
    let (connection, settings) = read(Dialect::FormEndpoint, &toml).unwrap();
    assert!(!format!("{settings:?} {connection:?}").contains("hunter2"));
}

/// One header, for a gateway before the server.
const KEY: &str = "headers = { X-Api-Key = { literal = \"k3y\" } }\n";

#[tokio::test]
async fn token_endpoint_gets_the_headers_only_at_the_origin_of_what_is_asked() {
    for is_same in [true, false] {
        let provider = Arc::new(Rfc7662::new(UNIX_EPOCH));
        let api = Simulator::start(Arc::clone(&provider)).await.unwrap();
        let other = Simulator::start(provider).await.unwrap();
        let tokens = if is_same { &api } else { &other };
        let connection = configured(&api.base_url(), &tokens.base_url(), "", KEY);
        let ask = Request::post(uri(&api.base_url(), "/introspect"));
        let ask = ask.form(&[("token", "t")]).repeatable();
        connected(connection).send(ask).await.unwrap();
        let requests = api.requests().into_iter().chain(other.requests());
        let (grants, asks): (Vec<_>, Vec<_>) = requests.partition(|it| it.path() == "/token");
        let expected: &[&str] = if is_same { &["k3y"] } else { &[] };
        assert_eq!(values(&grants[0], "x-api-key"), expected);
        assert_eq!(values(&asks[0], "x-api-key"), ["k3y"]);
        assert_eq!((grants.len(), asks.len()), (1, 1));
    }
}

#[tokio::test]
async fn documents_get_the_headers_only_at_the_origin_of_what_is_asked() {
    let (server, other) = (silent().await, silent().await);
    let more = with("X-Api-Key = { literal = \"k3y\" }");
    let documents = connection(Dialect::FormEndpoint, &server.base_url(), &more).for_documents();
    let documents = connected(documents);
    for (server, expected) in [(&server, &["k3y"][..]), (&other, &[])] {
        let document = Request::get(uri(&server.base_url(), "/jwks"));
        documents.send(document).await.unwrap();
        let request = &server.requests()[0];
        assert_eq!(values(request, "x-api-key"), expected);
        assert_eq!(values(request, "authorization"), [""; 0]);
    }
}
