use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use introspectd::{App, Config};
use introspectd_core::{Provider, Timestamp};
use introspectd_server::{Activation, ListenAddress, Stop, Workers};
use introspectd_upstream::Outbound;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Reply, Time};

type Environment = HashMap<String, String>;

/// Start of a gateway's clock: 2027-01-15T08:00:00Z.
pub const NOW: i64 = 1_800_000_000;

/// The secret of the caller `edge`.
pub const EDGE_SECRET: &str = "edge-secret-0f6b1f0d3c";

/// Free ports, the caller `edge` that may introspect and look up, and the operator `ops`.
pub const PRELUDE: &str = r#"
[listen]
api   = ["127.0.0.1:0"]
admin = ["127.0.0.1:0"]

[callers.edge]
secret      = { literal = "edge-secret-0f6b1f0d3c" }
permissions = ["introspect", "lookup"]

[callers.ops]
secret      = { literal = "ops-secret-91d0c7a25e" }
permissions = ["lookup", "list", "revoke", "purge", "explain", "bind", "issue"]
"#;

/// The secret of the caller `ops`, who may do all that operators do, and not introspect.
pub const OPS_SECRET: &str = "ops-secret-91d0c7a25e";

/// Start of a simulator's clock: [`NOW`] and a fraction, which must not be rounded up.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()) + Duration::from_millis(337)
}

/// Gateway in this process. Stops when dropped, or on request.
pub struct Gateway {
    api: SocketAddr,
    admin: SocketAddr,
    grpc: Vec<ListenAddress>,
    clock: Arc<Time>,
    client: Client<HttpConnector, Full<Bytes>>,
    end: watch::Sender<bool>,
    serving: JoinHandle<bool>,
}

impl Gateway {
    /// Starts one with this configuration, to which free ports and the caller `edge` are added.
    pub async fn start(toml: &str) -> Self {
        Self::start_bare(&format!("{PRELUDE}\n{toml}")).await
    }

    /// Starts one with exactly this configuration. Its first listeners must be on TCP.
    pub async fn start_bare(toml: &str) -> Self {
        Self::start_in(&Environment::new(), toml).await
    }

    /// The same, with these environment variables.
    pub async fn start_in(environment: &Environment, toml: &str) -> Self {
        let clock = Arc::new(Time::at(NOW));
        let app =
            App::new(load(environment, toml), Arc::<Time>::clone(&clock)).expect("random bytes");
        let bound = app.bind(Activation::default()).await.expect("free ports");
        let api = first(&bound.api_addresses());
        let admin = first(&bound.admin_addresses());
        let grpc = bound.grpc_addresses();
        let (end, stop) = Stop::new();
        let serving = tokio::spawn(bound.run(Workers::here(), stop));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            api,
            admin,
            grpc,
            clock,
            client,
            end,
            serving,
        }
    }

    /// Address of the API listener.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Address of the admin listener.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Addresses of the gRPC listeners.
    pub fn grpc(&self) -> &[ListenAddress] {
        &self.grpc
    }

    /// Clock of the gateway.
    pub fn clock(&self) -> &Time {
        &self.clock
    }

    /// `POST /introspect` with this form, as `edge`.
    pub async fn post_introspect(&self, form: &[(&str, &str)]) -> Reply {
        self.post_introspect_as("edge", EDGE_SECRET, form).await
    }

    /// `POST /introspect` with this form, as another caller.
    pub async fn post_introspect_as(
        &self,
        caller: &str,
        secret: &str,
        form: &[(&str, &str)],
    ) -> Reply {
        let request = Request::post(format!("http://{}/introspect", self.api))
            .header(AUTHORIZATION, basic(caller, secret))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form_body(form)))
            .expect("a request");
        self.send(request).await
    }

    /// Any request. Connections are kept and used again.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let (head, body) = self
            .client
            .request(request)
            .await
            .expect("an answer")
            .into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    /// Stops, and returns true if all in-flight requests ended within the drain.
    pub async fn stop(self) -> bool {
        let Self { end, serving, .. } = self;
        drop(end);
        serving.await.expect("a gateway that does not panic")
    }
}

/// The value of `Authorization: Basic`.
pub fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

/// A form as a client writes it.
pub fn form_body(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

/// Builds the provider of this section like a gateway, with a clock at [`NOW`].
pub fn provider(section: &str) -> Arc<dyn Provider> {
    let config = load(
        &Environment::new(),
        &format!("{PRELUDE}\n[providers.alone]\n{section}"),
    );
    let provider = config.providers.into_iter().next().expect("one provider");
    let clock = Arc::new(Time::at(NOW));
    let now = Timestamp::from_seconds(NOW).expect("a time");
    let outbound = Outbound::here(Arc::<Time>::clone(&clock));
    let bindings = config.bindings.open(now, None).expect("a store").bindings;
    provider.into_entry(clock, &bindings, &outbound).provider
}

/// Reads a configuration as the binary does.
fn load(environment: &Environment, toml: &str) -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("introspectd.toml");
    std::fs::write(&file, toml).expect("a file");
    match Config::load(&file, environment) {
        Ok((config, _)) => config,
        Err(problems) => panic!("{problems}\n{toml}"),
    }
}

fn first(addresses: &[ListenAddress]) -> SocketAddr {
    match addresses.first() {
        Some(ListenAddress::Tcp(address)) => *address,
        Some(ListenAddress::Unix(_)) | None => panic!("the first listener is not on TCP"),
    }
}
