use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use introspectd_core::{Failure, HealthRecord};
use tower::{Layer, Service};

use crate::request::Request;
use crate::response::Response;

/// Observer of what becomes of each request, for the provider's health.
#[derive(Clone)]
pub(super) struct ObserveLayer(Arc<HealthRecord>);

#[derive(Clone)]
pub(super) struct Observe<S> {
    inner: S,
    health: Arc<HealthRecord>,
}

impl ObserveLayer {
    pub(super) fn new(health: Arc<HealthRecord>) -> Self {
        Self(health)
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe { inner, health: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request> for Observe<S>
where
    S: Service<Request, Response = Response, Error = Failure>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Response, Failure>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let health = Arc::clone(&self.health);
        let is_relayed = request.is_relayed;
        let response = self.inner.call(request);
        Box::pin(async move {
            let mut outcome = response.await;
            let observed = outcome.as_ref().map(|_| ());
            if is_relayed {
                health.observe_relayed(observed);
            } else {
                health.observe(observed);
            }
            if let Ok(Response { elements: Some(elements), .. }) = &mut outcome {
                // What is read later is a part of the same request.
                elements.observed_by(health);
            }
            outcome
        })
    }
}
