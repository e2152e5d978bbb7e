//! Addresses on the wire, byte for byte as they are configured.

use http::Version;
use introspectd_upstream::{Dialect, Request};

use crate::authority::Authority;
use crate::provider::{connected, connection, silent, uri};
use crate::tls_server::{Terms, TlsServer};

const TARGETS: [&str; 8] = [
    "/introspect/",
    "/Realms/ACME/Introspect",
    "/a%2Fb/%7Eacme/%c3%b1",
    "/i?realm=/x/&Y=%20a+b",
    "/i?",
    "//i//",
    "/a/../b/./c",
    "/i;v=1?a=b?c=d",
];

#[tokio::test]
async fn endpoint_is_sent_byte_for_byte() {
    let server = silent().await;
    for target in TARGETS {
        let url = format!("{}{target}", server.base_url());
        let connection = connection(
            Dialect::FormEndpoint,
            &url,
            "credentials = { type = \"none\" }\n",
        );
        let endpoint = connection.address.uri().clone();
        let request = Request::post(endpoint).form(&[("token", "t")]);
        connected(connection).send(request).await.unwrap();
    }
    let sent: Vec<_> = server.requests().into_iter().map(|it| it.target).collect();
    assert_eq!(sent, TARGETS);
}

#[tokio::test]
async fn endpoint_is_sent_byte_for_byte_over_http2() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue("localhost"), Terms::default()).await;
    let tls = format!("tls = {{ ca = {:?} }}\n", authority.file());
    for target in TARGETS {
        let url = format!("{}{target}", server.base_url("localhost"));
        let more = format!("credentials = {{ type = \"none\" }}\n{tls}");
        let connection = connection(Dialect::FormEndpoint, &url, &more);
        let endpoint = connection.address.uri().clone();
        let request = Request::post(endpoint).form(&[("token", "t")]);
        connected(connection).send(request).await.unwrap();
    }
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.version == Version::HTTP_2));
    let sent: Vec<_> = seen.into_iter().map(|seen| seen.target).collect();
    assert_eq!(sent, TARGETS);
}

#[tokio::test]
async fn token_endpoint_is_sent_byte_for_byte() {
    let server = silent().await;
    for target in TARGETS {
        let more = format!(
            "credentials = {{ type = \"client_credentials\", client_id = \"x\", \
             client_secret = {{ literal = \"x\" }}, token_endpoint = \"{}{target}\" }}\n",
            server.base_url()
        );
        let upstream = connected(connection(Dialect::FormEndpoint, &server.base_url(), &more));
        // The server issues no token.
        let request = Request::post(uri(&server.base_url(), "/i"));
        upstream.send(request).await.map(|_| ()).unwrap_err();
    }
    let sent: Vec<_> = server.requests().into_iter().map(|it| it.target).collect();
    assert_eq!(sent, TARGETS);
}
