use futures_util::future::BoxFuture;
use introspectd_core::{Failure, Outage};
use tracing::Instrument as _;

use super::around::{Around, Outcome};
use crate::outbound::Net;
use crate::request::Request;

/// Hop to the outbound threads, which serve no caller; what changes something stays where it is.
/// Dropping the future ends the exchange there.
#[derive(Clone)]
pub(super) struct Threads(pub(super) Net);

impl Around for Threads {
    fn call<F>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> BoxFuture<'static, Outcome>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (net, effect) = (self.0.clone(), request.effect);
        let exchange = next(request).in_current_span();
        Box::pin(async move {
            net.run(effect, exchange)
                .await
                .unwrap_or_else(|| Err(Failure::outage(Outage::Abandoned)))
        })
    }
}
