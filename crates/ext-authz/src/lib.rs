//! Envoy's external authorization over gRPC: the decision of `/forward-auth` in other words.
//!
//! `envoy.service.auth.v3.Authorization/Check` brings a client's request as a message; what is
//! decided, and what the client gets where it is refused, is `introspectd_front`'s to say. Beside
//! it, `grpc.health.v1.Health/Check` tells whether new requests are welcome.

mod answer;
mod check;
mod health;
mod message;
mod metadata;

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;

use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use introspectd_front::{BadMessage, Connection, Handler, Readiness, drain};
use introspectd_server::{LongHead, Shed};
use introspectd_service::refusal::RequestFault;
use introspectd_service::{EndpointName, Outcome};
use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::codegen::Service;
use tonic_health::pb::health_server::HealthServer;

use crate::health::Health;

/// Largest question about health, in bytes: it names a service.
const MAX_HEALTH: usize = 1024;

/// Handler of the calls of one connection.
pub struct ExtAuthz {
    connection: Connection,
    health: HealthServer<Health>,
    /// A permit for each byte that the connection may have gathered of messages.
    gathered: Arc<Semaphore>,
}

/// One call, answered by the configuration that was in force when it began.
struct Call {
    handler: Arc<Handler>,
    health: HealthServer<Health>,
    gathered: Arc<Semaphore>,
}

impl ExtAuthz {
    /// Creates the service of one connection.
    pub fn new(connection: Connection, readiness: Readiness) -> Self {
        let health = HealthServer::new(Health(readiness)).max_decoding_message_size(MAX_HEALTH);
        Self {
            connection,
            health,
            gathered: Arc::new(Semaphore::new(message::MAX_GATHERED)),
        }
    }

    /// Answers one call.
    pub fn answer<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Response<tonic::body::Body>> + Send + use<B>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Send,
    {
        let call = Call {
            handler: self.connection.handler(),
            health: self.health.clone(),
            gathered: Arc::clone(&self.gathered),
        };
        call.answer(request)
    }
}

impl Call {
    /// Answers one call. The caller comes before the message: nothing is gathered for a stranger.
    async fn answer<B>(self, request: Request<B>) -> Response<tonic::body::Body>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Send,
    {
        let (head, body) = request.into_parts();
        let mut body = pin!(body);
        let is_shed = Shed::marks(&head.extensions);
        let answer = match head.uri.path() {
            "/envoy.service.auth.v3.Authorization/Check" => {
                unary(&self.check(&head, body.as_mut()).await)
            }
            path if path.starts_with("/grpc.health.v1.Health/") => {
                self.health(head, body.as_mut()).await
            }
            _ => {
                let begun = self.handler.begin(EndpointName::Other);
                let unknown = RequestFault::NotFound.into();
                self.handler
                    .count_public(begun, &head.headers, Outcome::Refused(&unknown));
                Status::unimplemented("unknown service or method").into_http()
            }
        };
        if !is_shed {
            drain(body).await;
        }
        answer
    }

    /// Refusals are answers, too: an error is what Envoy may be configured to let pass.
    async fn check<B>(&self, head: &Parts, body: Pin<&mut B>) -> CheckResponse
    where
        B: Body<Data = Bytes, Error: Error>,
    {
        let handler = &*self.handler;
        let begun = handler.begin(EndpointName::ExtAuthz);
        if Shed::marks(&head.extensions) {
            return answer::refused(handler.shed_call(begun)).await;
        }
        let proxy = handler.admit(begun, &head.headers);
        if let Some(refusal) = handler.refuse_unadmitted(&proxy) {
            return answer::refused(refusal).await;
        }
        if LongHead::marks(&head.extensions) {
            return answer::refused(handler.refuse_message(&proxy, BadMessage::HeadTooLong)).await;
        }
        let request = match self.read(body).await {
            Ok(request) => request,
            Err(bad) => return answer::refused(handler.refuse_message(&proxy, bad)).await,
        };
        let attributes = request.attributes.unwrap_or_default();
        let client = check::client_headers(&attributes);
        let policy = check::policy(&attributes);
        let described = check::described(&attributes);
        match handler
            .decide(&proxy, policy, &client, Some(&described))
            .await
        {
            Ok(allowed) => answer::allowed(&allowed, check::header_names(&attributes)),
            Err(refusal) => answer::refused(refusal).await,
        }
    }

    async fn read<B>(&self, body: Pin<&mut B>) -> Result<CheckRequest, BadMessage>
    where
        B: Body<Data = Bytes, Error: Error>,
    {
        let message = message::read(body, &self.gathered).await?;
        CheckRequest::decode(&*message.bytes).map_err(|_| BadMessage::Malformed)
    }

    /// Anybody may ask, so the question is small and read within the deadline, too.
    async fn health<B>(mut self, head: Parts, body: Pin<&mut B>) -> Response<tonic::body::Body>
    where
        B: Body<Data = Bytes, Error: Error>,
    {
        let begun = self.handler.begin(EndpointName::Other);
        let question = match message::read(body, &self.gathered).await {
            Ok(question) => message::prefixed(&question.bytes),
            Err(bad) => {
                self.handler
                    .count_public(begun, &head.headers, Outcome::Refused(&bad.into()));
                return Status::invalid_argument("unreadable message").into_http();
            }
        };
        self.handler
            .count_public(begun, &head.headers, Outcome::Done);
        let answered = self
            .health
            .call(Request::from_parts(head, Full::new(question)))
            .await;
        answered.unwrap_or_else(|impossible: Infallible| match impossible {})
    }
}

/// A message as the only one of a call that succeeded.
fn unary(message: &CheckResponse) -> Response<tonic::body::Body> {
    const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(message::prefixed(&message.encode_to_vec()));
    let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(tonic::body::Body::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
