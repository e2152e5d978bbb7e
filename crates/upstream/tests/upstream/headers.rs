//! Headers of the configuration.

use http::{HeaderName, HeaderValue};
use introspectd_simulators::Recorded;
use introspectd_upstream::{Dialect, Request, Upstream};

use crate::provider::{read, silent, upstream, uri};

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
