use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::around::{Around, Below, Next, Outcome};
use crate::request::Request;

/// Deadline of each request, counted from the call.
#[derive(Clone)]
pub(super) struct Deadline(pub(super) Duration);

impl Around for Deadline {
    async fn call<S: Below>(self, mut request: Box<Request>, next: Next<S>) -> Outcome {
        let stage = request.stage.clone();
        let deadline = Instant::now() + self.0;
        request.deadline = Some(deadline);
        let mut response = pin!(next.send(request));
        let outcome = timeout_at(deadline, &mut response).await;
        outcome.unwrap_or_else(|_| {
            // Before the layers below are dropped, which read it then.
            stage.end();
            Err(stage.timeout())
        })
    }
}
