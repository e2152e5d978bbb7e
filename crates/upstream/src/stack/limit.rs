use std::sync::Arc;

use futures_util::future::BoxFuture;
use introspectd_core::{Failure, Outage};
use tokio::sync::Semaphore;

use super::around::{Around, Outcome};
use crate::request::Request;

/// Limit of concurrent requests, shared by all clones of the stack. Excess fails at once.
///
/// Requests of a list pass: lists have permits of their own in the resolver, so that neither they
/// nor requests about tokens keep the others from the provider.
#[derive(Clone)]
pub(super) struct Limit(pub(super) Arc<Semaphore>);

impl Around for Limit {
    fn call<F>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> BoxFuture<'static, Outcome>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        if request.is_listing {
            return Box::pin(next(request));
        }
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            return Box::pin(async { Err(Failure::outage(Outage::Overloaded)) });
        };
        let response = next(request);
        Box::pin(async move {
            let _permit = permit;
            response.await
        })
    }
}
