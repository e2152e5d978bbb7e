use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use introspectd_core::Failure;
use tower::{Layer, Service};

use crate::request::Request;
use crate::response::Response;

/// Outcome of a request, as its adapter gets it.
pub(super) type Outcome = Result<Response, Failure>;

/// Behaviour around each request: it sees the request before the layers below, and their outcome.
///
/// A layer of the stack is a type with this trait, which makes it one for [`tower`].
pub(super) trait Around: Clone {
    /// Handles a request, which `next` hands to the layers below.
    fn call<F>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> BoxFuture<'static, Outcome>
    where
        F: Future<Output = Outcome> + Send + 'static;
}

/// Layer of this behaviour.
#[derive(Clone)]
pub(super) struct AroundLayer<A>(A);

#[derive(Clone)]
pub(super) struct AroundService<A, S> {
    around: A,
    inner: S,
}

pub(super) fn around<A: Around>(around: A) -> AroundLayer<A> {
    AroundLayer(around)
}

impl<A: Around, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService {
            around: self.0.clone(),
            inner,
        }
    }
}

impl<A, S> Service<Request> for AroundService<A, S>
where
    A: Around,
    S: Service<Request, Response = Response, Error = Failure>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Outcome>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.around
            .call(request, |request| self.inner.call(request))
    }
}
