//! Providers behind a proxy that plays its part, or does not.

use http::Version;
use introspectd_core::{Failure, Outage, ProxyFault, Unreachable};
use introspectd_upstream::{Dialect, Request, Response, Upstream};

use crate::authority::Authority;
use crate::grant::configured;
use crate::provider::{connected, connection, read, rest, silent, uri};
use crate::proxy_server::{ProxyServer, Role};
use crate::tls_server::{Terms, TlsServer};

/// Name that only the proxies of these tests resolve.
const HOST: &str = "as.invalid";
const NONE: &str = "credentials = { type = \"none\" }\n";

fn asking(base_url: &str, more: &str) -> Upstream {
    connected(connection(
        Dialect::FormEndpoint,
        base_url,
        &format!("{NONE}{more}"),
    ))
}

async fn ask(upstream: &Upstream, base_url: &str) -> Result<Response, Failure> {
    let request = Request::post(uri(base_url, "/I/?a=%7e")).form(&[("token", "t")]);
    upstream.send(request.repeatable()).await
}

fn with_password(proxy: &ProxyServer) -> String {
    let url = proxy.url();
    format!("proxy = {{ url = {url:?}, username = \"us\", password = {{ literal = \"p:w\" }} }}\n")
}

/// "us:p:w".
const AUTHORIZATION: &str = "proxy-authorization: basic dxm6cdp3";

#[tokio::test]
async fn https_goes_through_a_tunnel_whose_proxy_resolves_the_name() {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    for (alpn, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let terms = Terms {
            alpn: &[alpn],
            ..Terms::default()
        };
        let server = TlsServer::start(&identity, terms).await;
        let proxy = ProxyServer::start(Role::Relay).await;
        let base_url = server.base_url(HOST);
        let tls = format!("tls = {{ ca = {:?} }}\n", authority.file());
        let upstream = asking(&base_url, &format!("{tls}{}", with_password(&proxy)));
        ask(&upstream, &base_url).await.unwrap();
        rest().await;
        ask(&upstream, &base_url).await.unwrap();
        // One tunnel serves both.
        let [head] = &proxy.heads()[..] else {
            panic!("one tunnel: {:?}", proxy.heads())
        };
        let place = base_url.trim_start_matches("https://");
        assert!(
            head.starts_with(&format!("CONNECT {place} HTTP/1.1\r\n")),
            "{head}"
        );
        let head = head.to_lowercase();
        assert!(head.contains(&format!("\r\nhost: {place}\r\n")), "{head}");
        assert!(head.contains(AUTHORIZATION), "{head}");
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|seen| seen.version == version));
        assert!(
            seen.iter()
                .all(|seen| !seen.names.contains("proxy-authorization"))
        );
    }
}

#[tokio::test]
async fn certificate_of_another_host_is_refused_in_a_tunnel() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue("other.invalid"), Terms::default()).await;
    let proxy = ProxyServer::start(Role::Relay).await;
    let base_url = server.base_url(HOST);
    let tls = format!("tls = {{ ca = {:?} }}\n", authority.file());
    let upstream = asking(&base_url, &format!("{tls}proxy = {:?}\n", proxy.url()));
    let failure = ask(&upstream, &base_url).await.err();
    let expected = Failure::outage(Outage::Unreachable(Unreachable::WrongName));
    assert_eq!(failure, Some(expected));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn plain_http_is_asked_of_the_proxy_in_absolute_form() {
    let server = silent().await;
    let proxy = ProxyServer::start(Role::Relay).await;
    let base_url = format!("http://{HOST}:{}", server.address().port());
    let upstream = asking(
        &base_url,
        &format!("allow_http = true\n{}", with_password(&proxy)),
    );
    ask(&upstream, &base_url).await.unwrap();
    let head = proxy.heads().remove(0);
    assert!(
        head.starts_with(&format!("POST {base_url}/I/?a=%7e HTTP/1.1\r\n")),
        "{head}"
    );
    let head = head.to_lowercase();
    let place = base_url.trim_start_matches("http://");
    assert!(head.contains(&format!("\r\nhost: {place}\r\n")), "{head}");
    assert!(head.contains(AUTHORIZATION), "{head}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn token_endpoint_and_documents_are_asked_of_the_proxy_as_well() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 23\r\n\r\n\
                  {\"access_token\": \"our\"}";
    let proxy = ProxyServer::start(Role::Answer(answer)).await;
    let base_url = format!("http://{HOST}");
    let more = format!(
        "allow_http = true\nkeep_alive = false\n{}",
        with_password(&proxy)
    );
    let connection = || configured(&base_url, &base_url, "", &more);
    ask(&connected(connection()), &base_url).await.unwrap();
    let document = Request::get(uri(&base_url, "/jwks"));
    let documents = connected(connection().for_documents());
    documents.send(document).await.unwrap();
    let heads = proxy.heads();
    let asked = heads.iter().map(|head| head.lines().next().unwrap());
    let expected = ["POST /token", "POST /I/?a=%7e", "GET /jwks"]
        .map(|line| format!("{} HTTP/1.1", line.replace(" /", &format!(" {base_url}/"))));
    assert_eq!(asked.collect::<Vec<_>>(), expected);
    for head in &heads {
        assert!(head.to_lowercase().contains(AUTHORIZATION), "{head}");
    }
}

#[tokio::test]
async fn request_without_a_proxy_brings_none_of_its_headers() {
    let server = silent().await;
    let upstream = asking(&server.base_url(), "");
    ask(&upstream, &server.base_url()).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.target, "/I/?a=%7e");
    assert_eq!(request.header("proxy-authorization"), None);
}

#[tokio::test]
async fn fault_of_the_proxy_is_named_and_is_the_providers_outage() {
    let refused = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 1\r\n\r\nx";
    for (role, fault) in [
        (Role::Answer(refused), ProxyFault::Credentials),
        (
            Role::Answer("HTTP/1.1 502 Bad\r\n\r\n"),
            ProxyFault::Status(502),
        ),
        (
            Role::Answer("HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n"),
            ProxyFault::Status(302),
        ),
        (Role::Answer("SSH-2.0-x\r\n"), ProxyFault::Answer),
        (
            Role::Answer("HTTP/1.1 200 OK\r\n\r\nsurplus"),
            ProxyFault::Answer,
        ),
        (Role::HangUp, ProxyFault::Answer),
    ] {
        let proxy = ProxyServer::start(role).await;
        let upstream = asking(
            "https://as.invalid",
            &format!("proxy = {:?}\n", proxy.url()),
        );
        let failure = ask(&upstream, "https://as.invalid").await.err();
        let expected = Failure::outage(Outage::Unreachable(Unreachable::Proxy(fault)));
        assert_eq!(failure, Some(expected.clone()), "{role:?}");
        assert!(expected.trips_breaker());
    }
}

#[tokio::test]
async fn proxy_that_does_not_listen_is_named() {
    let upstream = asking("https://as.invalid", "proxy = \"http://127.0.0.1:1\"\n");
    let failure = ask(&upstream, "https://as.invalid").await.err();
    let expected = Unreachable::Proxy(ProxyFault::Unreachable);
    assert_eq!(
        failure,
        Some(Failure::outage(Outage::Unreachable(expected)))
    );
}

#[tokio::test]
async fn hanging_proxy_ends_with_the_deadline() {
    let proxy = ProxyServer::start(Role::Hang).await;
    let more = format!("proxy = {:?}\ntimeout = \"50ms\"\n", proxy.url());
    let upstream = asking("https://as.invalid", &more);
    let failure = ask(&upstream, "https://as.invalid").await.err();
    assert_eq!(failure, Some(Failure::ProxyTimeout));
}

#[tokio::test]
async fn refused_credentials_of_plain_http_are_the_proxys() {
    let refused = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    let proxy = ProxyServer::start(Role::Answer(refused)).await;
    let more = format!("allow_http = true\nproxy = {:?}\n", proxy.url());
    let upstream = asking("http://as.invalid", &more);
    let failure = ask(&upstream, "http://as.invalid").await.err();
    let expected = Unreachable::Proxy(ProxyFault::Credentials);
    assert_eq!(
        failure,
        Some(Failure::outage(Outage::Unreachable(expected)))
    );
}

#[test]
fn proxy_is_a_plain_http_origin_with_both_credentials_or_none() {
    for (proxy, key, what) in [
        (
            "\"https://p:1\"",
            "proxy",
            "is https, which is not spoken to a proxy",
        ),
        ("\"p:3128\"", "proxy", "is no http or https URL"),
        ("\"http://p:1/x\"", "proxy", "holds a path"),
        ("\"http://p:1/?x\"", "proxy", "holds a path"),
        (
            "\"http://u:p@p:1\"",
            "proxy",
            "holds a user name or password",
        ),
        ("1", "proxy", "expected a string or a table"),
        ("{ }", "proxy.url", "is missing"),
        (
            "{ url = \"http://p:1\", username = \"x\" }",
            "proxy.password",
            "is missing",
        ),
        (
            "{ url = \"http://p:1\", password = { literal = \"x\" } }",
            "proxy.username",
            "is missing",
        ),
        (
            "{ url = \"http://p:1\", username = \"a:b\", password = { literal = \"x\" } }",
            "proxy.username",
            "holds a colon",
        ),
        (
            "{ url = \"http://p:1\", user = \"x\" }",
            "proxy.user",
            "is not a known key",
        ),
    ] {
        let toml = format!("base_url = \"https://as.example\"\n{NONE}proxy = {proxy}\n");
        let problems = read(Dialect::FormEndpoint, &toml)
            .map(|_| ())
            .expect_err(proxy);
        let told = (problems[0].key.as_str(), problems[0].what.as_str());
        assert_eq!(told, (key, what));
        assert!(!problems[0].remedy.is_empty());
        assert!(!problems[0].to_string().contains("u:p"));
    }
}
