use introspectd_core::{ProviderName, Timestamp, TokenId};
use tracing::Level;
use tracing::field::display;

use crate::event::{Event, Headline, Operation, Outcome};
use crate::line_limit::LeftOut;
use crate::observer::{Observed, Observer};
use crate::refusal::Refusal;

/// Target of the log lines that anyone can cause, so that they can be kept from displacing others.
pub const REFUSALS: &str = "introspectd_service::refusals";

/// Log: refusals, and operators' requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Observer for Log {
    fn wants(&self, headline: &Headline<'_>) -> bool {
        match headline.outcome {
            // A caller's fault is a mistake or an attack; invalid tokens come all day.
            Outcome::Refused(refusal) if refusal.is_of_caller() || refusal.is_of_event() => {
                tracing::enabled!(target: REFUSALS, Level::INFO)
            }
            Outcome::Refused(_) => tracing::enabled!(target: REFUSALS, Level::DEBUG),
            Outcome::Done => {
                let operation = headline.operation;
                let is_done_by_somebody = operation.is_operators() || operation.is_message();
                is_done_by_somebody && tracing::enabled!(Level::INFO)
            }
            Outcome::Inactive(_) | Outcome::Abandoned => false,
        }
    }

    fn observe(&self, event: &Event<'_>) -> Observed {
        match event.headline.outcome {
            Outcome::Refused(refusal) => log_refusal(event, refusal),
            Outcome::Done => log_operation(event, event.headline.operation),
            Outcome::Inactive(_) | Outcome::Abandoned => {}
        }
        Observed::Unrecorded
    }

    fn observe_left_out(&self, left_out: &LeftOut, _: Timestamp) {
        let (count, outcomes) = (left_out.total(), display(left_out));
        tracing::warn!(
            count,
            outcomes,
            "too many refusals; further ones of this second have no lines"
        );
    }
}

/// Logs origin, caller and reason of a refused request. The rest of it is its client's.
fn log_refusal(event: &Event<'_>, refusal: &Refusal) {
    let context = &event.headline.context;
    let (origin, policy) = (display(context.origin), context.policy);
    let caller = context.caller.map(|caller| caller.name.as_str());
    let error = refusal.code();
    if refusal.is_of_event() {
        let (transmitter, reason) = (event.details.transmitter.as_deref(), event.reason());
        let reason = reason.as_deref();
        tracing::info!(target: REFUSALS, origin, transmitter, error, reason, "refused an event");
    } else if refusal.is_of_caller() {
        tracing::info!(target: REFUSALS, origin, caller, policy, error, "refused a request");
    } else {
        tracing::debug!(
            target: REFUSALS,
            origin,
            caller,
            policy,
            error,
            ?refusal,
            "refused a request"
        );
    }
}

/// Logs what an operator did.
fn log_operation(event: &Event<'_>, operation: Operation) {
    let context = &event.headline.context;
    let origin = display(context.origin);
    let caller = context.caller.map(|caller| caller.name.as_str());
    let details = event.details;
    let provider = details.provider.as_ref().map(ProviderName::as_str);
    let fingerprint = event.fingerprint.map(display);
    let token_id = details.token_id.as_ref().map(TokenId::as_str);
    let selector = details.selector.as_ref().map(|(name, _)| *name);
    let count = details.count;
    let call = operation.as_str();
    if operation.is_message() {
        let (transmitter, reason) = (details.transmitter.as_deref(), event.reason());
        let outcome = reason.as_deref();
        tracing::info!(
            origin,
            transmitter,
            caller,
            call,
            fingerprint,
            selector,
            count,
            outcome,
            "message received"
        );
        return;
    }
    tracing::info!(
        origin,
        caller,
        call,
        provider,
        fingerprint,
        token_id,
        selector,
        count,
        "operator request completed"
    );
}
