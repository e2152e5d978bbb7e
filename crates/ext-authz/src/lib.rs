//! Envoy's external authorization over gRPC: the decision of `/forward-auth` in other words.
//!
//! `envoy.service.auth.v3.Authorization/Check` brings a client's request as a message; what is decided, and what the
//! client gets where it is refused, is `introspectd_front`'s to say. Beside it, `grpc.health.v1.Health/Check` tells
//! whether new requests are welcome.

mod answer;
mod check;
mod health;
mod metadata;

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use http::{Request, Response};
use hyper::body::{Body, Bytes};
use introspectd_front::{Readiness, Session};
use tonic::codegen::Service;
use tonic::{Status, async_trait};
use tonic_health::pb::health_server::HealthServer;

use crate::health::Health;

/// In bytes. A client's head, and the part of its body that Envoy may be told to send along.
const MAX_MESSAGE: usize = 1 << 20;

/// What Envoy asks on one connection.
#[derive(Clone)]
pub struct ExtAuthz {
    check: AuthorizationServer<Check>,
    health: HealthServer<Health>,
}

/// For the decisions of one connection.
struct Check(Arc<Session>);

impl ExtAuthz {
    /// For a connection, in a process of this readiness.
    pub fn new(session: Arc<Session>, readiness: Readiness) -> Self {
        Self {
            check: AuthorizationServer::new(Check(session)).max_decoding_message_size(MAX_MESSAGE),
            health: HealthServer::new(Health(readiness)).max_decoding_message_size(MAX_MESSAGE),
        }
    }

    /// Answers one call.
    pub async fn answer<B>(mut self, request: Request<B>) -> Response<tonic::body::Body>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>> + Send> + Send + 'static,
    {
        let answered = match request.uri().path().strip_prefix('/').and_then(|path| path.split_once('/')) {
            Some(("envoy.service.auth.v3.Authorization", _)) => self.check.call(request).await,
            Some(("grpc.health.v1.Health", _)) => self.health.call(request).await,
            Some(_) | None => Ok(Status::unimplemented("there is no such service here").into_http()),
        };
        answered.unwrap_or_else(|impossible: Infallible| match impossible {})
    }
}

#[async_trait]
impl Authorization for Check {
    /// Refusals are answers, too: an error is what Envoy may be configured to let pass.
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, Status> {
        let (proxy, _, question) = request.into_parts();
        let attributes = question.attributes.unwrap_or_default();
        let client = check::client_headers(&attributes);
        let decided = self.0.decide(check::policy(&attributes), &proxy.into_headers(), &client).await;
        let answer = match decided {
            Ok(allowed) => answer::allowed(&allowed, check::header_names(&attributes)),
            Err(refusal) => answer::refused(refusal).await,
        };
        Ok(tonic::Response::new(answer))
    }
}
