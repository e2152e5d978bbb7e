use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use introspectd_core::{Failure, Outage};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::outbound::Net;
use crate::request::Request;
use crate::response::Response;

/// Change to the outbound threads, which serve no caller. Dropping the future ends the exchange there.
#[derive(Clone)]
pub(super) struct ThreadsLayer(Net);

#[derive(Clone)]
pub(super) struct Threads<S> {
    inner: S,
    net: Net,
}

impl ThreadsLayer {
    pub(super) fn new(net: Net) -> Self {
        Self(net)
    }
}

impl<S> Layer<S> for ThreadsLayer {
    type Service = Threads<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Threads { inner, net: self.0.clone() }
    }
}

impl<S> Service<Request> for Threads<S>
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
        let net = self.net.clone();
        let exchange = self.inner.call(request).in_current_span();
        Box::pin(
            async move { net.run(exchange).await.unwrap_or_else(|| Err(Failure::outage(Outage::Abandoned))) },
        )
    }
}
