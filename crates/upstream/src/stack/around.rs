use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use introspectd_core::Failure;
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt as _};

use crate::request::Request;
use crate::response::Response;

/// Outcome of a request, as its adapter gets it.
pub(super) type Outcome = Result<Response, Failure>;

/// Behaviour around each request: it sees the request before the layers below, and their outcome.
///
/// A layer of the stack is a type with this trait, which makes it one for [`tower`].
pub(super) trait Around: Clone + Send + Sync + 'static {
    /// Handles a request, which `next` hands to the layers below, once, never or several times.
    fn call<S: Below>(
        self,
        request: Box<Request>,
        next: Next<S>,
    ) -> impl Future<Output = Outcome> + Send + 'static;
}

/// Layers below one.
pub(super) trait Below:
    Service<Box<Request>, Response = Response, Error = Failure, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Below for S where
    S: Service<Box<Request>, Response = Response, Error = Failure, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Way to the layers below.
pub(super) struct Next<S>(Arc<S>);

impl<S: Below> Next<S> {
    /// Hands a request to the layers below.
    pub(super) fn send(&self, request: Box<Request>) -> Oneshot<S, Box<Request>> {
        S::clone(&self.0).oneshot(request)
    }
}

/// Layer of this behaviour.
#[derive(Clone)]
pub(super) struct AroundLayer<A>(A);

#[derive(Clone)]
pub(super) struct AroundService<A, S> {
    around: A,
    /// Shared: each layer's clone would else be one of all layers below, for every request.
    inner: Arc<S>,
}

pub(super) fn around<A: Around>(around: A) -> AroundLayer<A> {
    AroundLayer(around)
}

impl<A: Around, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService {
            around: self.0.clone(),
            inner: Arc::new(inner),
        }
    }
}

impl<A: Around, S: Below> Service<Box<Request>> for AroundService<A, S> {
    type Response = Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Outcome>;

    /// No layer refuses a request before it is there.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Box<Request>) -> Self::Future {
        let next = Next(Arc::clone(&self.inner));
        Box::pin(self.around.clone().call(request, next))
    }
}
