//! A client of `Authorization/Check` that sends what Envoy sends.

use std::collections::HashMap;

use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse, HeaderValue, HttpResponse};
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{
    AttributeContext, DeniedHttpResponse, OkHttpResponse,
};
use hyper_util::rt::TokioIo;
use introspectd_server::ListenAddress;
use introspectd_simulators::{Simulator, rfc7662};
use introspectd_tests::{EDGE_SECRET, Fixture, Gateway, Rfc7662, now};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};

pub(crate) const UNAVAILABLE: &str = "unavailable-token";
/// Token at which the provider asks for a pause of 9 s.
pub(crate) const PAUSED: &str = "paused";
pub(crate) const BROKEN: &str = "broken-token";
pub(crate) const HOSTILE: &str = "hostile-token";

/// Scopes, roles and audience that the policy `orders` asks for.
pub(crate) const ENOUGH: &str = "enough-token";

/// Tokens that are active and authorize no bearer, with the member that says so.
pub(crate) const NO_BEARER: [(&str, &str, &str); 12] = [
    ("hydra-refresh", "token_use", r#""refresh_token""#),
    ("cognito-id", "token_use", r#""id""#),
    ("use-list", "token_use", r#"["access_token"]"#),
    ("keycloak-refresh", "typ", r#""Refresh""#),
    ("keycloak-id", "typ", r#""ID""#),
    ("keycloak-offline", "typ", r#""Offline""#),
    ("refresh", "token_type", r#""refresh_token""#),
    ("mac", "token_type", r#""mac""#),
    ("not-applicable", "token_type", r#""N_A""#),
    ("type-number", "token_type", "5"),
    ("dpop", "cnf", r#"{"jkt":"x"}"#),
    ("mtls", "cnf", r#"{"x5t\u0023S256":"x"}"#),
];

/// A gateway with policies, before a simulated server.
pub(crate) struct Harness {
    pub(crate) gateway: Gateway,
    pub(crate) server: Simulator<rfc7662::Rfc7662>,
}

const CALLERS_AND_POLICIES: &str = r#"
    [policies.orders]
    scope = ["orders.read", "orders.list"]
    role = ["clerk", "admin"]
    aud = ["https://orders"]
    [policies.elsewhere]
    provider = ["other"]
    [policies.as-403]
    unavailable = 403
    [policies.as-401]
    unavailable = 401
    [callers.edge]
    secret = { literal = "edge-secret-0f6b1f0d3c" }
    [callers.confined]
    secret = { literal = "confined-secret" }
    policies = ["orders"]
    [callers.lister]
    secret = { literal = "lister-secret" }
    permissions = ["list"]
    [callers.blind]
    secret = { literal = "blind-secret" }
    providers = ["other"]
    [providers.other]
    kind = "rfc7662"
    introspection_endpoint = "http://127.0.0.1:9/introspect"
    credentials = { type = "none" }
    match = { prefix = "other_" }
"#;

impl Harness {
    /// Opens it on TCP, with the caller in its metadata.
    pub(crate) async fn open() -> Self {
        Self::open_at(r#"["127.0.0.1:0"]"#, "").await
    }

    /// Opens it on these gRPC listeners, with further sections.
    pub(crate) async fn open_at(grpc: &str, sections: &str) -> Self {
        let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
        fill(server.vendor());
        let provider = Rfc7662::section(&server.base_url());
        let listen =
            format!("[listen]\napi = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\ngrpc = {grpc}");
        let sso =
            format!("[providers.sso]\n{provider}\ntimeout = \"60s\"\nmatch = {{ regex = \".\" }}");
        let gateway = Gateway::start_bare(&format!(
            "{listen}\n{CALLERS_AND_POLICIES}\n{sso}\n{sections}"
        ))
        .await;
        Self { gateway, server }
    }

    /// A client on the first of its listeners.
    pub(crate) async fn envoy(&self) -> Envoy {
        Envoy::to(&self.gateway.grpc()[0]).await
    }
}

fn fill(server: &rfc7662::Rfc7662) {
    let enough = json!({
        "active": true, "exp": introspectd_tests::NOW + 1000, "scope": "orders.* \
            x", "roles": ["admin", "a,b"],
        "aud": ["https://orders"], "sub": "Jos\u{e9}",
        "client_id": "c", "username": "u", "jti": "j",
        "nested": {"deep": [1, null, true, {"x": "y"}]}
    });
    let with = |name: &str, value: Value| {
        let mut record = enough.clone();
        record[name] = value;
        record
    };
    server.put(ENOUGH, enough.clone());
    server.put("no-scope", with("scope", json!("orders.read")));
    server.put("no-role", with("roles", json!(["auditor"])));
    server.put("no-aud", with("aud", json!("https://other")));
    server.put(
        HOSTILE,
        with("sub", json!("a\r\nX-Auth-Roles: admin\r\n\r\n")),
    );
    for (name, member, value) in NO_BEARER {
        server.put(name, with(member, serde_json::from_str(value).unwrap()));
    }
    server.put_answer(UNAVAILABLE, introspectd_simulators::Answer::html(503));
    let pause = introspectd_simulators::Answer::retry_after(503, 9);
    server.put_answer(PAUSED, pause);
    server.put_answer(BROKEN, introspectd_simulators::Answer::html(200));
}

/// A client of a proxy, as its headers tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// Request as Envoy saw it, beside headers.
    pub(crate) seen: Option<Seen>,
}

/// Request and certificate of a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) host: &'static str,
    pub(crate) path: &'static str,
    /// PEM in percent-encoding.
    pub(crate) certificate: String,
}

impl Client {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub(crate) fn showing(token: &str) -> Self {
        Self::default().with("authorization", &format!("Bearer {token}"))
    }
}

/// The two ways in which Envoy sends headers on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    Plain,
    /// Headers with `encode_raw_headers: true`.
    Raw,
}

#[derive(Clone)]
pub(crate) struct Envoy {
    channel: Channel,
}

impl Envoy {
    pub(crate) async fn to(address: &ListenAddress) -> Self {
        let channel = match address {
            ListenAddress::Tcp(address) => {
                Endpoint::from_shared(format!("http://{address}"))
                    .unwrap()
                    .connect()
                    .await
            }
            ListenAddress::Unix(path) => {
                let path = path.clone();
                let connect = tower::service_fn(move |_| {
                    let path = path.clone();
                    async move { UnixStream::connect(path).await.map(TokioIo::new) }
                });
                Endpoint::from_static("http://unix")
                    .connect_with_connector(connect)
                    .await
            }
        };
        Self {
            channel: channel.unwrap(),
        }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Asks as `edge` by this policy.
    pub(crate) async fn check(&self, policy: &str, client: &Client) -> CheckResponse {
        let callers = [format!("Bearer {EDGE_SECRET}")];
        self.check_as(&callers, Some(policy), client, Form::Plain)
            .await
    }

    pub(crate) async fn check_as(
        &self,
        callers: &[String],
        policy: Option<&str>,
        client: &Client,
        form: Form,
    ) -> CheckResponse {
        let mut request = tonic::Request::new(question(policy, client, form));
        for caller in callers {
            let caller = AsciiMetadataValue::try_from(caller).unwrap();
            request
                .metadata_mut()
                .append("x-introspectd-caller", caller);
        }
        AuthorizationClient::new(self.channel())
            .check(request)
            .await
            .unwrap()
            .into_inner()
    }
}

pub(crate) fn question(policy: Option<&str>, client: &Client, form: Form) -> CheckRequest {
    let mut http = HttpRequest {
        method: "GET".to_owned(),
        path: "/x".to_owned(),
        ..HttpRequest::default()
    };
    match form {
        Form::Plain => {
            for (name, value) in &client.headers {
                let value = String::from_utf8_lossy(value);
                let joined = http.headers.entry(name.clone()).or_default();
                *joined = if joined.is_empty() {
                    value.into_owned()
                } else {
                    format!("{joined},{value}")
                };
            }
        }
        Form::Raw => {
            let headers = client.headers.iter().map(|(key, value)| HeaderValue {
                key: key.clone(),
                raw_value: value.clone(),
                ..HeaderValue::default()
            });
            http.header_map = Some(HeaderMap {
                headers: headers.collect(),
            });
        }
    }
    let seen = client.seen.clone();
    if let Some(seen) = &seen {
        http.method = seen.method.to_owned();
        http.scheme = seen.scheme.to_owned();
        http.host = seen.host.to_owned();
        http.path = seen.path.to_owned();
    }
    let source = seen.map(|seen| Peer {
        certificate: seen.certificate,
        ..Peer::default()
    });
    let policy = policy.map(|policy| ("policy".to_owned(), policy.to_owned()));
    let attributes = AttributeContext {
        request: Some(Request {
            time: None,
            http: Some(http),
        }),
        source,
        context_extensions: policy.into_iter().collect::<HashMap<_, _>>(),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
}

pub(crate) fn ok(response: CheckResponse) -> OkHttpResponse {
    assert_eq!(response.status.as_ref().unwrap().code, 0, "{response:?}");
    match response.http_response {
        Some(HttpResponse::OkResponse(ok)) => ok,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn denied(response: CheckResponse) -> DeniedHttpResponse {
    assert_ne!(response.status.as_ref().unwrap().code, 0, "{response:?}");
    assert_eq!(response.dynamic_metadata, None);
    match response.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

/// Names and values, sorted. All of them take the place of what is there.
pub(crate) fn headers(options: &[HeaderValueOption]) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<_> = options
        .iter()
        .map(|option| {
            let HeaderValue {
                key,
                value,
                raw_value,
            } = option.header.clone().unwrap();
            assert_eq!(
                (option.append_action, raw_value),
                (2, Vec::new()),
                "OVERWRITE_IF_EXISTS_OR_ADD"
            );
            (key, value.into_bytes())
        })
        .collect();
    headers.sort();
    headers
}
