use introspectd_service::refusal::Refusal;
use introspectd_service::{
    Details, Headline, Operation, Outcome, Published, RequestContext, Service,
};

use crate::reply::Reply;

/// Event of a request until it is published. A caller that goes away before leaves one behind, too:
/// what was begun continues.
pub(super) struct Unpublished<'a> {
    pub(super) service: &'a Service,
    pub(super) operation: Operation,
    pub(super) context: RequestContext<'a>,
    /// `None` once it is published.
    pub(super) details: Option<Details>,
}

impl Unpublished<'_> {
    pub(super) fn publish(&mut self, outcome: &Result<Reply, Refusal>) -> Published {
        self.publish_as(match outcome {
            Ok(_) => Outcome::Done,
            Err(refusal) => Outcome::Refused(refusal),
        })
    }

    fn publish_as(&mut self, outcome: Outcome<'_>) -> Published {
        let details = self.details.take().unwrap_or_default();
        let headline = Headline {
            operation: self.operation,
            outcome,
            source: details.source,
            context: self.context,
        };
        self.service.publish(headline, || details)
    }
}

impl Drop for Unpublished<'_> {
    fn drop(&mut self) {
        // A stranger is refused before there is anything to wait for.
        if self.details.is_some() && self.context.caller.is_some() {
            self.publish_as(Outcome::Abandoned);
        }
    }
}
