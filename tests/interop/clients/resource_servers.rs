//! Libraries that protect an API by introspection: each lets through what is active and has the
//! scope, and nothing else, whatever is out of order.

use http::Method;
use introspectd_tests::Reply;

use super::harness::{GOOD, Harness, LACKS_SCOPE, REVOKED, SECRET, UNKNOWN};
use crate::peer::Peer;

/// Library of a resource server, and its refusals.
struct Library {
    script: &'static str,
    method: Method,
    path: &'static str,
    body: &'static str,
    /// Statuses for a token without the scope, for an inactive one, and for a failure.
    lacks_scope: u16,
    inactive: u16,
    unavailable: u16,
}

impl Library {
    async fn ask(&self, harness: &Harness, peer: &Peer, token: &str) -> Reply {
        let url = format!("http://127.0.0.1:{}{}", peer.port, self.path);
        harness
            .present(self.method.clone(), &url, token, self.body)
            .await
    }

    async fn judges_by_what_introspectd_says(&self) {
        let harness = Harness::open().await;
        let peer = Peer::python(self.script, harness.wanted(SECRET)).await;
        for (token, status) in [
            (GOOD, 200),
            (LACKS_SCOPE, self.lacks_scope),
            (REVOKED, self.inactive),
            (UNKNOWN, self.inactive),
            (GOOD, 200),
        ] {
            let reply = self.ask(&harness, &peer, token).await;
            assert_eq!(reply.status, status, "{token}: {reply:?}");
        }
        assert_eq!(
            harness.provider.count(),
            4,
            "the second look at a token came from the cache"
        );

        harness.provider.stop();
        let reply = self.ask(&harness, &peer, "token-new").await;
        assert_eq!(reply.status, self.unavailable, "{reply:?}");
    }

    async fn lets_nothing_through_with_a_wrong_secret(&self) {
        let harness = Harness::open().await;
        let peer = Peer::python(self.script, harness.wanted("another secret")).await;
        let reply = self.ask(&harness, &peer, GOOD).await;
        assert_eq!(reply.status, self.unavailable, "{reply:?}");
        assert_eq!(harness.provider.count(), 0);
    }
}

const AUTHLIB: Library = Library {
    script: "authlib_peer.py",
    method: Method::GET,
    path: "/orders",
    body: "",
    lacks_scope: 403,
    inactive: 401,
    unavailable: 500,
};

const DJANGO: Library = Library {
    script: "django_peer.py",
    method: Method::GET,
    path: "/orders",
    body: "",
    lacks_scope: 403,
    inactive: 403,
    unavailable: 403,
};

/// MCP, streamable HTTP: the first request of each client.
const FASTMCP: Library = Library {
    script: "fastmcp_peer.py",
    method: Method::POST,
    path: "/mcp",
    body: r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#,
    lacks_scope: 401,
    inactive: 401,
    unavailable: 401,
};

#[tokio::test]
async fn authlib_follows_introspectd() {
    AUTHLIB.judges_by_what_introspectd_says().await;
}

#[tokio::test]
async fn authlib_refuses_everything_with_a_wrong_secret() {
    AUTHLIB.lets_nothing_through_with_a_wrong_secret().await;
}

#[tokio::test]
async fn django_oauth_toolkit_follows_introspectd() {
    DJANGO.judges_by_what_introspectd_says().await;
}

#[tokio::test]
async fn django_oauth_toolkit_refuses_everything_with_a_wrong_secret() {
    DJANGO.lets_nothing_through_with_a_wrong_secret().await;
}

#[tokio::test]
async fn mcp_server_follows_introspectd() {
    FASTMCP.judges_by_what_introspectd_says().await;
}

#[tokio::test]
async fn mcp_server_refuses_everything_with_a_wrong_secret() {
    FASTMCP.lets_nothing_through_with_a_wrong_secret().await;
}
