use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use introspectd_core::Failure;
use tower::{Layer, Service};

use crate::request::Request;
use crate::response::Response;

/// Deadline of each request, counted from the call.
#[derive(Clone)]
pub(super) struct DeadlineLayer(Duration);

#[derive(Clone)]
pub(super) struct Deadline<S> {
    inner: S,
    timeout: Duration,
}

impl DeadlineLayer {
    pub(super) fn new(timeout: Duration) -> Self {
        Self(timeout)
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner, timeout: self.0 }
    }
}

impl<S> Service<Request> for Deadline<S>
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
        let stage = request.stage.clone();
        let response = tokio::time::timeout(self.timeout, self.inner.call(request));
        Box::pin(async move { response.await.unwrap_or_else(|_| Err(stage.timeout())) })
    }
}
