//! Spans of requests, as a recorder gets them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use introspectd_core::trace::{FinishedSpan, Recorder, TraceParent, Tracer, Value};
use introspectd_core::{Failure, Selection};
use introspectd_service::refusal::{CallerFault, Inactive, Refusal};
use introspectd_service::{
    Caller, Details, EndpointName, Event, Headline, Identity, Observed, Observer, Operation,
    Outcome, RequestContext, RequestIds, Service, Source,
};
use secrecy::SecretString;

use crate::harness::{caller, service};

const TRACE_ID: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const PARENT: u64 = 0x00f0_67aa_0ba9_02b7;

/// Request in this trace, if it names one.
#[derive(Default)]
struct Sent(Option<TraceParent>);

impl Sent {
    fn in_trace(flags: &str) -> Self {
        let text = format!("00-{TRACE_ID:032x}-{PARENT:016x}-{flags}");
        Self(TraceParent::parse(text.as_bytes()))
    }
}

impl RequestIds for Sent {
    fn proposed(&self) -> Option<&str> {
        None
    }

    fn credentials(&self) -> Vec<SecretString> {
        Vec::new()
    }

    fn traceparent(&self) -> Option<TraceParent> {
        self.0
    }
}

#[derive(Default)]
struct Recorded(Mutex<Vec<FinishedSpan>>);

impl Recorded {
    fn take(&self) -> Vec<FinishedSpan> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Recorder for Recorded {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn record(&self, span: FinishedSpan) {
        self.0.lock().unwrap().push(span);
    }
}

/// Log whose lines have the id of their trace.
#[derive(Default)]
struct Lines(Mutex<Vec<Option<u128>>>);

impl Observer for Lines {
    fn wants(&self, _: &Headline<'_>) -> bool {
        true
    }

    fn observe(&self, event: &Event<'_>) -> Observed {
        let id = event
            .trace_id
            .map(|id| u128::from_str_radix(id, 16).unwrap());
        self.0.lock().unwrap().push(id);
        Observed::Unrecorded
    }
}

struct Bench {
    service: Service,
    caller: Caller,
    recorded: Arc<Recorded>,
    lines: Arc<Lines>,
}

impl Bench {
    fn sampling(share: f64) -> Self {
        let (recorded, lines) = (Arc::<Recorded>::default(), Arc::<Lines>::default());
        let tracer = Tracer::new(Arc::clone(&recorded) as _, share);
        let observers: Vec<Arc<dyn Observer>> =
            vec![Arc::new(tracer.clone()), Arc::clone(&lines) as _];
        Self {
            service: service()
                .with_tracer(Some(tracer))
                .with_observers(observers),
            caller: caller(&[], Selection::All),
            recorded,
            lines,
        }
    }

    fn context<'a>(&'a self, identity: &'a Identity<'a>) -> RequestContext<'a> {
        RequestContext {
            origin: &"test",
            caller: Some(&self.caller),
            policy: None,
            begun: self.service.begin(EndpointName::Introspect),
            identity,
        }
    }

    /// Headline of an introspection.
    fn headline<'a>(
        &'a self,
        identity: &'a Identity<'a>,
        outcome: Outcome<'a>,
        source: Option<Source>,
    ) -> Headline<'a> {
        Headline {
            operation: Operation::Introspect,
            outcome,
            source,
            context: self.context(identity),
        }
    }

    fn publish(&self, sent: &Sent, outcome: Outcome<'_>, source: Option<Source>) {
        let identity = Identity::new(sent);
        let headline = self.headline(&identity, outcome, source);
        drop(self.service.publish(headline, Details::default));
    }
}

fn attribute<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a Value> {
    let found = span.attributes.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value)
}

#[test]
fn hit_is_a_span_below_that_of_its_request() {
    let bench = Bench::sampling(0.0);
    let sent = Sent::in_trace("01");
    let identity = Identity::new(&sent);
    let counted = || bench.headline(&identity, Outcome::Done, Some(Source::Hit));
    bench.service.count(counted);
    let spans = bench.recorded.take();
    let [cache, request] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!((request.name, request.trace_id), ("introspect", TRACE_ID));
    assert_eq!(
        (request.parent, cache.parent),
        (Some(PARENT), Some(request.id))
    );
    let edge = Value::Name("edge".to_owned());
    assert_eq!(attribute(request, "introspectd.caller"), Some(&edge));
    for (name, word) in [
        ("introspectd.cache", "hit"),
        ("introspectd.outcome", "active"),
    ] {
        assert_eq!(attribute(request, name), Some(&Value::Word(word)));
    }
    assert_eq!(attribute(request, "introspectd.cancelled"), None);
}

#[test]
fn span_has_failed_if_its_provider_has_and_not_if_its_caller_is_refused() {
    let bench = Bench::sampling(1.0);
    let timeout: Refusal = Failure::Timeout.into();
    let denied: Refusal = CallerFault::AccessDenied.into();
    for (outcome, has_failed) in [
        (Outcome::Refused(&timeout), true),
        (Outcome::Refused(&denied), false),
        (Outcome::Inactive(Inactive::Expired), false),
    ] {
        bench.publish(&Sent::default(), outcome, Some(Source::Miss));
        let spans = bench.recorded.take();
        let [request] = spans.as_slice() else {
            panic!("{spans:?}");
        };
        assert_eq!((request.has_failed, request.parent), (has_failed, None));
    }
}

#[test]
fn abandoned_request_is_cancelled_when_it_ends() {
    let bench = Bench::sampling(0.0);
    let sent = Sent::in_trace("01");
    let identity = Identity::new(&sent);
    let work = bench.service.context(&bench.context(&identity));
    let headline = bench.headline(&identity, Outcome::Abandoned, None);
    drop(bench.service.publish(headline, Details::default));
    assert_eq!(bench.recorded.take(), []);
    drop(identity);
    let spans = bench.recorded.take();
    let [request] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    let cancelled = attribute(request, "introspectd.cancelled");
    assert_eq!(cancelled, Some(&Value::True));
    let handed_on = format!("00-{TRACE_ID:032x}-{:016x}-01", request.id);
    assert_eq!(work.trace().unwrap().parent().as_str(), handed_on);
}

#[test]
fn line_about_a_request_is_part_of_the_trace_of_its_only_span() {
    let bench = Bench::sampling(1.0);
    bench.publish(&Sent::default(), Outcome::Done, None);
    let spans = bench.recorded.take();
    let [request] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!(*bench.lines.0.lock().unwrap(), [Some(request.trace_id)]);
}

#[test]
fn trace_that_is_not_sampled_goes_on_without_spans() {
    let bench = Bench::sampling(1.0);
    let sent = Sent::in_trace("00");
    bench.publish(&sent, Outcome::Done, Some(Source::Hit));
    assert_eq!(bench.recorded.take(), []);
    assert_eq!(*bench.lines.0.lock().unwrap(), [Some(TRACE_ID)]);
    let identity = Identity::new(&sent);
    let work = bench.service.context(&bench.context(&identity));
    assert_eq!(work.trace().unwrap().parent(), &sent.0.unwrap());
}

#[test]
fn spans_alone_take_no_details() {
    let mut bench = Bench::sampling(1.0);
    let tracer = Tracer::new(Arc::clone(&bench.recorded) as _, 1.0);
    bench.service = bench.service.with_observers(vec![Arc::new(tracer)]);
    let identity = Identity::default();
    let headline = bench.headline(&identity, Outcome::Inactive(Inactive::Expired), None);
    let published = bench.service.publish(headline, || panic!("details"));
    assert_eq!(published.request_id, None);
}
