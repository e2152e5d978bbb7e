use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

/// Collector of spans by OTLP over gRPC. Stops when dropped.
pub struct Collector {
    address: SocketAddr,
    exports: watch::Sender<Vec<ExportTraceServiceRequest>>,
    serving: JoinHandle<()>,
}

struct Exports(watch::Sender<Vec<ExportTraceServiceRequest>>);

#[async_trait]
impl TraceService for Exports {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0
            .send_modify(|exports| exports.push(request.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let exports = watch::Sender::default();
        let service = TraceServiceServer::new(Exports(exports.clone()));
        let incoming = TcpIncoming::from(listener);
        let serving = Server::builder().serve_with_incoming(service, incoming);
        let serving = tokio::spawn(async move { drop(serving.await) });
        Self {
            address,
            exports,
            serving,
        }
    }

    /// Section `[trace]` that exports here, and samples this share.
    pub fn section(&self, sample: f64) -> String {
        format!("[trace]\notlp = \"{}\"\nsample = {sample}\n", self.url())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for as many spans, and returns all so far.
    pub async fn spans(&self, count: usize) -> Vec<Span> {
        let mut exports = self.exports.subscribe();
        let enough = exports.wait_for(|exports| spans_of(exports).len() >= count);
        let waited = tokio::time::timeout(Duration::from_secs(20), enough).await;
        assert!(waited.is_ok(), "{count} spans: {:#?}", self.so_far());
        drop(waited);
        self.so_far()
    }

    /// All spans so far.
    pub fn so_far(&self) -> Vec<Span> {
        spans_of(&self.exports.borrow())
    }

    /// All bytes that were exported.
    pub fn bytes(&self) -> Vec<u8> {
        let exports = self.exports.borrow();
        exports.iter().flat_map(|it| it.encode_to_vec()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn spans_of(exports: &[ExportTraceServiceRequest]) -> Vec<Span> {
    let resources = exports.iter().flat_map(|it| &it.resource_spans);
    let scopes = resources.flat_map(|it| &it.scope_spans);
    scopes.flat_map(|it| it.spans.clone()).collect()
}

/// Attribute of a span, as text; empty if it has none.
pub fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|it| it.key == name);
    let value = found.and_then(|it| it.value.as_ref()?.value.clone());
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}
