use introspectd_core::trace::{Kind, Span, Tracer};
use introspectd_resolver::Source;

use crate::event::{Event, Headline, Outcome, RequestContext};
use crate::observer::{Observed, Observer};
use crate::tally::{CacheUse, OutcomeClass};

/// Ends the spans of requests.
impl Observer for Tracer {
    fn counts(&self) -> bool {
        true
    }

    fn count(&self, headline: &Headline<'_>) {
        let RequestContext {
            identity, begun, ..
        } = headline.context;
        identity.end_span(self, begun, |span| end(span, headline));
    }

    fn wants(&self, _: &Headline<'_>) -> bool {
        false
    }

    fn observe(&self, _: &Event<'_>) -> Observed {
        Observed::Unrecorded
    }
}

fn end(span: &mut Span, headline: &Headline<'_>) {
    if headline.source == Some(Source::Hit) {
        // Without a length: a hit takes less than a microsecond, and its own is not measured.
        let mut hit = Span::start(span.trace(), "cache", Kind::Internal);
        hit.set("introspectd.cache.result", || "hit");
        hit.end();
    }
    describe(span, headline);
    // One that is abandoned ends with the request.
    if !matches!(headline.outcome, Outcome::Abandoned) {
        span.end();
    }
}

fn describe(span: &mut Span, headline: &Headline<'_>) {
    let context = &headline.context;
    if let Some(caller) = context.caller {
        span.set("introspectd.caller", || caller.name.clone());
    }
    if let Some(policy) = context.policy {
        span.set("introspectd.policy", || policy.to_owned());
    }
    span.set("introspectd.cache", || CacheUse::of(headline).as_str());
    let Some(class) = OutcomeClass::of(headline) else {
        return;
    };
    span.set("introspectd.outcome", || class.as_str());
    if matches!(
        class,
        OutcomeClass::UpstreamError
            | OutcomeClass::Unavailable
            | OutcomeClass::Timeout
            | OutcomeClass::Shed
    ) {
        span.fail(class.as_str());
    }
}
