use introspectd_core::ask::Context;
use introspectd_core::{Failure, Outage};
use tracing::Instrument as _;

use super::around::{Around, Below, Next, Outcome};
use crate::outbound::Net;
use crate::request::Request;

/// Hop to the outbound threads, which serve no caller; what changes something stays where it is.
/// Dropping the future ends the exchange there.
#[derive(Clone)]
pub(super) struct Threads(pub(super) Net);

impl Around for Threads {
    async fn call<S: Below>(self, request: Box<Request>, next: Next<S>) -> Outcome {
        let effect = request.effect;
        let context = Context::current();
        let exchange = context.scope(next.send(request)).in_current_span();
        self.0
            .run(effect, exchange)
            .await
            .unwrap_or_else(|| Err(Failure::outage(Outage::Abandoned)))
    }
}
