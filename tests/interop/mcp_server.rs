//! The MCP server of the page that introspects here itself, and the official SDK's client.

use std::collections::HashMap;
use std::net::SocketAddr;

use introspectd_core::{Clock, SystemClock};
use introspectd_tests::{Gateway, free_address};
use serde_json::{Value, json};

use crate::mcp::{PAGE, SECRET, connect};
use crate::page::block;
use crate::peer::Peer;

const MCP_SECRET: &str = "mcp-secret-to-change";

/// Authorization server, introspectd, and the MCP server that asks it.
struct Harness {
    authorization_server: Peer,
    _introspectd: Gateway,
    _mcp: Peer,
    address: SocketAddr,
}

impl Harness {
    /// Starts all of it, with the page's program for this audience.
    async fn open(audience: &str) -> Self {
        let authorization_server = Peer::node("oidc-provider", "server.mjs", json!({})).await;
        let issuer = format!("http://127.0.0.1:{}", authorization_server.port);
        let toml = block(PAGE, "toml introspects.toml")
            .replace("https://as.example", &issuer)
            .replace("kind  ", "timeout = \"60s\"\nkind  ");
        let toml = format!("[listen]\napi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{toml}");
        let secrets = [("MCP_SECRET", MCP_SECRET), ("AS_SECRET", SECRET)];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let introspectd = Gateway::start_in(&HashMap::from(secrets), &toml).await;
        introspectd
            .clock()
            .set(SystemClock::default().now().seconds());
        let address = free_address();
        let program = [
            ("https://introspect.example", introspectd.api().to_string()),
            ("https://mcp.example", address.to_string()),
        ];
        let program = program
            .iter()
            .fold(block(PAGE, "python"), |text, (shown, real)| {
                text.replace(shown, &format!("http://{real}"))
            })
            .replace("https://as.example", &issuer)
            .replace("https://orders.example", audience);
        let wanted = json!({
            "program": program,
            "environment": {"MCP_SECRET": MCP_SECRET},
            "port": address.port(),
        });
        Self {
            _mcp: Peer::python("fastmcp_page_peer.py", wanted).await,
            authorization_server,
            _introspectd: introspectd,
            address,
        }
    }

    async fn connect(&self, scope: &str) -> Value {
        connect(
            self.address,
            &self.authorization_server,
            "app-secret",
            scope,
        )
        .await
    }
}

#[tokio::test]
async fn server_of_the_page_lets_in_who_found_the_way_with_the_scope() {
    let harness = Harness::open("https://orders.example").await;
    let connected = harness.connect("orders.read").await;
    assert_eq!(connected, json!({ "tools": ["whoami"], "whoami": "app" }));
    let refused = harness.connect("orders.write").await;
    assert!(refused["thrown"].is_string(), "{refused}");
}

#[tokio::test]
async fn server_of_the_page_refuses_tokens_for_another_audience() {
    let harness = Harness::open("https://another.example").await;
    let refused = harness.connect("orders.read").await;
    assert!(refused["thrown"].is_string(), "{refused}");
}
