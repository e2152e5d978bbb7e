use std::sync::Arc;

use introspectd_core::HealthRecord;

use super::around::{Around, Below, Next, Outcome};
use super::breaker::is_status;
use crate::request::Request;
use crate::response::Response;

/// Observer of each outcome, for the provider's health.
#[derive(Clone)]
pub(super) struct Observe(pub(super) Arc<HealthRecord>);

impl Around for Observe {
    async fn call<S: Below>(self, request: Box<Request>, next: Next<S>) -> Outcome {
        let Self(health) = self;
        let is_relayed = request.is_relayed;
        let mut outcome = next.send(request).await;
        let observed = outcome.as_ref().map(|_| ());
        if is_relayed && observed.is_err_and(is_status) {
            // Neither the provider's fault nor a sign that it is well.
        } else if is_relayed {
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
    }
}
