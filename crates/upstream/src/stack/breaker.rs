use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use introspectd_core::{BadAnswer, Failure, Outage};

use super::around::{Around, Below, Next, Outcome};
use crate::gate::{Gate, Verdict};
use crate::request::Request;

/// Circuit breaker, and pauses that the provider asks for. What it refuses waits for nothing.
#[derive(Clone)]
pub(super) struct Breaker {
    gate: Arc<Gate>,
    /// Key of the hashes by which odd requests are told apart.
    hasher: RandomState,
}

impl Breaker {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            hasher: RandomState::new(),
        }
    }

    /// Judges an outcome.
    fn verdict(&self, request: &Request, outcome: &Outcome) -> Verdict {
        let Err(failure) = outcome else {
            return Verdict::Answered;
        };
        if request.is_relayed && is_status(failure) {
            return Verdict::Unknown;
        }
        match failure {
            Failure::BadAnswer(BadAnswer::Status(500..)) => {
                Verdict::Odd(self.hasher.hash_one(request.subject()))
            }
            Failure::BadAnswer(BadAnswer::Grant | BadAnswer::GrantMember(_)) => Verdict::Unknown,
            Failure::BadAnswer(_) => Verdict::Answered,
            Failure::Timeout
            | Failure::ConnectTimeout
            | Failure::ProxyTimeout
            | Failure::QueueTimeout
            | Failure::Unavailable { .. }
            | Failure::Unsupported => {
                if failure.trips_breaker() {
                    Verdict::Failed
                } else {
                    Verdict::Unknown
                }
            }
        }
    }

    fn heed(&self, request: &Request, outcome: &Outcome) {
        let Err(Failure::Unavailable {
            outage: Outage::Status(status),
            retry_after: Some(wait),
        }) = outcome
        else {
            return;
        };
        let is_pause = matches!(status, 429 | 503);
        // A token endpoint speaks for itself.
        if is_pause && !request.is_relayed && !request.stage.is_renewing() {
            self.gate.pause(*wait);
        }
    }
}

/// Returns true for a status that whoever a request is relayed for may have brought about.
pub(super) fn is_status(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Unavailable {
            outage: Outage::Status(_),
            ..
        } | Failure::BadAnswer(BadAnswer::Status(500..))
    )
}

impl Around for Breaker {
    async fn call<S: Below>(self, mut request: Box<Request>, next: Next<S>) -> Outcome {
        let passage = self.gate.enter(request.stage.clone())?;
        request.pass = Some(passage.pass());
        let outcome = tokio::select! {
            // First, so that the ask has come as far as it can when the gate is looked at.
            biased;
            outcome = next.send(request.clone()) => outcome,
            refusal = passage.shut() => return Err(refusal),
        };
        self.heed(&request, &outcome);
        passage.settle(self.verdict(&request, &outcome));
        outcome
    }
}
