use std::sync::Arc;

use futures_util::future::BoxFuture;
use introspectd_core::HealthRecord;

use super::around::{Around, Outcome};
use crate::request::Request;
use crate::response::Response;

/// Observer of each outcome, for the provider's health.
#[derive(Clone)]
pub(super) struct Observe(pub(super) Arc<HealthRecord>);

impl Around for Observe {
    fn call<F>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> BoxFuture<'static, Outcome>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let health = Arc::clone(&self.0);
        let is_relayed = request.is_relayed;
        let response = next(request);
        Box::pin(async move {
            let mut outcome = response.await;
            let observed = outcome.as_ref().map(|_| ());
            if is_relayed {
                health.observe_relayed(observed);
            } else {
                health.observe(observed);
            }
            if let Ok(Response {
                elements: Some(elements),
                ..
            }) = &mut outcome
            {
                // A body that is read later is a part of the same request.
                elements.observed_by(health);
            }
            outcome
        })
    }
}
