use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use introspectd_core::{Failure, Outage};
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use crate::request::Request;
use crate::response::Response;

/// Limit of concurrent requests, which is one for all clones of the stack. Excess fails at once.
///
/// Requests of a list pass: lists have places of their own in the resolver, so that neither they nor requests about
/// tokens keep the others from the provider.
#[derive(Clone)]
pub(super) struct LimitLayer(Arc<Semaphore>);

#[derive(Clone)]
pub(super) struct Limit<S> {
    inner: S,
    places: Arc<Semaphore>,
}

impl LimitLayer {
    pub(super) fn new(max_in_flight: u32) -> Self {
        Self(Arc::new(Semaphore::new(max_in_flight as usize)))
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limit { inner, places: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request> for Limit<S>
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
        if request.is_listing {
            return Box::pin(self.inner.call(request));
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Box::pin(async { Err(Failure::outage(Outage::Overloaded)) });
        };
        let response = self.inner.call(request);
        Box::pin(async move {
            let _place = place;
            response.await
        })
    }
}
