use std::future::{Ready, ready};

use tower::retry::Policy;

use crate::pool::{Reply, Unanswered};
use crate::request::{Effect, Request};

/// Repetition, once, of a request that was surely not processed, over another connection. A change
/// is never repeated.
///
/// The pool tells which requests these are, since only their connection knows. It is no retry: the
/// everyday case is a kept connection that the other end closed in that very moment.
#[derive(Clone, Default)]
pub(super) struct RepeatOnce {
    is_spent: bool,
}

impl Policy<Box<Request>, Reply, Unanswered> for RepeatOnce {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Box<Request>,
        outcome: &mut Result<Reply, Unanswered>,
    ) -> Option<Self::Future> {
        let is_unprocessed = outcome
            .as_ref()
            .is_err_and(|unanswered| unanswered.is_unprocessed);
        if self.is_spent || !is_unprocessed {
            return None;
        }
        self.is_spent = true;
        request.is_repeat = true;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Box<Request>) -> Option<Box<Request>> {
        (request.effect == Effect::None).then(|| request.clone())
    }
}
