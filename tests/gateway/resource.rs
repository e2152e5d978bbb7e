//! Protected resource metadata (RFC 9728).

use http::header::AUTHORIZATION;
use http::{Method, Request};
use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{ACTIVE, Rfc7662};
use introspectd_tests::{EDGE_SECRET, Fixture, Gateway, Reply, basic, now};
use serde_json::json;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

const POLICIES: &str = r#"
[policies.orders]
resource = "https://api.example/v1/orders"
scope    = ["orders.read", "orders.admin"]

[policies.root]
resource = "https://mcp.example/"
provider = ["sso"]
"#;

struct Harness {
    _provider: Simulator<Rfc7662>,
    gateway: Gateway,
}

impl Harness {
    async fn open() -> Self {
        let provider = Simulator::start(Rfc7662::new(now())).await.unwrap();
        let section = introspectd_tests::Rfc7662::section(&provider.base_url());
        let gateway = Gateway::start(&format!(
            "[routing]\nunmatched = \"sso\"\n{POLICIES}\n[providers.sso]\n{section}\n\
             issuer = \"https://as.example/t\"\ntimeout = \"60s\"\n"
        ))
        .await;
        Self {
            _provider: provider,
            gateway,
        }
    }

    async fn ask(&self, method: Method, path: &str) -> Reply {
        let request = Request::builder().method(method);
        let request = request.uri(format!("http://{}{path}", self.gateway.api()));
        self.gateway.send(request.body("".into()).unwrap()).await
    }
}

#[tokio::test]
async fn metadata_is_there_for_everybody() {
    let harness = Harness::open().await;
    let orders = harness
        .ask(Method::GET, &format!("{WELL_KNOWN}/v1/orders"))
        .await;
    assert_eq!(orders.status, 200, "{orders:?}");
    assert_eq!(orders.header("content-type"), Some("application/json"));
    assert_eq!(orders.header("access-control-allow-origin"), Some("*"));
    let expected = json!({
        "resource": "https://api.example/v1/orders",
        "authorization_servers": ["https://as.example/t"],
        "scopes_supported": ["orders.read", "orders.admin"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(orders.json(), expected);
    for path in [WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/")] {
        let root = harness.ask(Method::GET, &path).await;
        let expected = json!({
            "resource": "https://mcp.example/",
            "authorization_servers": ["https://as.example/t"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(root.json(), expected, "{path}");
    }
}

#[tokio::test]
async fn path_of_no_resource_is_not_found() {
    let harness = Harness::open().await;
    for behind in [
        "/v1",
        "/v1/orders/",
        "/v1/orders/x",
        "//v1/orders",
        "/V1/orders",
        "x",
    ] {
        let path = format!("{WELL_KNOWN}{behind}");
        let reply = harness.ask(Method::GET, &path).await;
        reply.assert_problem(404, "not_found", None);
    }
    let reply = harness
        .ask(Method::POST, &format!("{WELL_KNOWN}/v1/orders"))
        .await;
    reply.assert_problem(405, "method_not_allowed", None);
}

#[tokio::test]
async fn client_that_lacks_a_scope_is_shown_the_metadata_as_well() {
    let harness = Harness::open().await;
    let decide = async |policy: &str| {
        let request = Request::get(format!("http://{}{policy}", harness.gateway.api()))
            .header("x-introspectd-caller", basic("edge", EDGE_SECRET))
            .header(AUTHORIZATION, format!("Bearer {ACTIVE}"));
        harness.gateway.send(request.body("".into()).unwrap()).await
    };
    let lacks = decide("/forward-auth/orders").await;
    assert_eq!(lacks.status, 403, "{lacks:?}");
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"orders.read orders.admin\", \
        resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/v1/orders\"";
    assert_eq!(lacks.header("www-authenticate"), Some(challenge));
    assert_eq!(decide("/forward-auth/root").await.status, 200);
}
