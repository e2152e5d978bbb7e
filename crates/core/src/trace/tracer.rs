use std::sync::Arc;
use std::time::Duration;

use super::parent::TraceParent;
use super::span::{Kind, Recorder, Span};

/// Beginning of traces: which requests have spans, and who records them.
#[derive(Clone)]
pub struct Tracer {
    recorder: Arc<dyn Recorder>,
    /// Share of the requests that bring no decision, from 0 to 1.
    sample: f64,
}

/// Flag of a trace that is recorded (W3C Trace Context section 3.2.2.5).
const SAMPLED: u8 = 1;

impl Tracer {
    /// Creates a tracer that samples this share, from 0 to 1, of the requests that bring no
    /// decision.
    pub fn new(recorder: Arc<dyn Recorder>, sample: f64) -> Self {
        Self { recorder, sample }
    }

    /// Begins the span of a request that arrived `at` (by
    /// [`Clock::elapsed`](crate::Clock::elapsed)); `None` if it is not sampled. A caller's decision
    /// holds, either way.
    pub fn begin(
        &self,
        caller: Option<&TraceParent>,
        name: &'static str,
        at: Duration,
    ) -> Option<Span> {
        let is_sampled = match caller {
            Some(caller) => caller.flags() & SAMPLED != 0,
            None => fastrand::f64() < self.sample,
        };
        let (trace_id, parent, flags) = match caller {
            _ if !is_sampled => return None,
            Some(caller) => (
                caller.trace_number(),
                Some(caller.span_number()),
                caller.flags(),
            ),
            None => (fastrand::u128(1..), None, SAMPLED),
        };
        let recorder = Arc::clone(&self.recorder);
        Some(Span::open(
            recorder,
            name,
            Kind::Server,
            trace_id,
            parent,
            flags,
            at,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{FinishedSpan, Value};
    use std::sync::Mutex;

    #[derive(Default)]
    struct Recorded(Mutex<Vec<FinishedSpan>>);

    impl Recorder for Recorded {
        fn elapsed(&self) -> Duration {
            Duration::from_secs(7)
        }

        fn record(&self, span: FinishedSpan) {
            self.0.lock().unwrap().push(span);
        }
    }

    fn tracer(sample: f64) -> (Tracer, Arc<Recorded>) {
        let recorded = Arc::<Recorded>::default();
        (Tracer::new(Arc::clone(&recorded) as _, sample), recorded)
    }

    fn parent(flags: &str) -> TraceParent {
        let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        TraceParent::parse(text.as_bytes()).unwrap()
    }

    fn begin(tracer: &Tracer, caller: Option<&TraceParent>) -> Option<Span> {
        tracer.begin(caller, "introspect", Duration::from_secs(5))
    }

    #[test]
    fn discarded_span_is_not_recorded() {
        let (tracer, recorded) = tracer(1.0);
        begin(&tracer, None).unwrap().discard();
        assert_eq!(recorded.0.lock().unwrap().len(), 0);
        drop(begin(&tracer, None));
        assert_eq!(recorded.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn decision_of_a_caller_holds_either_way() {
        let (all, _) = tracer(1.0);
        let (none, _) = tracer(0.0);
        for (flags, sampled) in [("01", true), ("03", true), ("00", false), ("02", false)] {
            for tracer in [&all, &none] {
                let span = begin(tracer, Some(&parent(flags)));
                assert_eq!(span.is_some(), sampled, "{flags}");
            }
        }
        assert!(begin(&all, None).is_some() && begin(&none, None).is_none());
    }

    #[test]
    fn share_of_the_undecided_is_sampled() {
        let (tracer, recorded) = tracer(0.25);
        let sampled = (0..4000).filter_map(|_| begin(&tracer, None)).count();
        assert!((800..1200).contains(&sampled), "{sampled}");
        let mut ids: Vec<_> = recorded
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|it| it.trace_id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), sampled, "each has a trace of its own");
    }

    #[test]
    fn spans_form_a_tree_and_their_parent_goes_on() {
        let (tracer, recorded) = tracer(0.0);
        let request = begin(&tracer, Some(&parent("01"))).unwrap();
        let mut inner = Span::start(request.trace(), "cache", Kind::Internal);
        inner.fail("timeout");
        let handed_on = inner.trace().unwrap().parent().as_str().to_owned();
        inner.end();
        assert!(inner.trace().is_some(), "it outlives the span");
        drop(request);
        let spans = recorded.0.lock().unwrap();
        let [cache, request] = spans.as_slice() else {
            panic!("{spans:?}");
        };
        assert_eq!(request.parent, Some(0x00f0_67aa_0ba9_02b7));
        assert_eq!(
            (request.start, request.end),
            (Duration::from_secs(5), Duration::from_secs(7))
        );
        assert_eq!(
            (cache.parent, cache.trace_id),
            (Some(request.id), request.trace_id)
        );
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(handed_on, format!("00-{trace}-{:016x}-01", cache.id));
        assert!(cache.has_failed && !request.has_failed);
        assert_eq!(cache.attributes, [("error.type", Value::Word("timeout"))]);
        assert_eq!(request.attributes, [("introspectd.cancelled", Value::True)]);
    }

    #[test]
    fn trace_without_a_recorder_is_handed_on_as_it_came() {
        let trace = super::super::Trace::of_caller(parent("01"));
        let span = Span::start(Some(trace), "cache", Kind::Internal);
        assert_eq!(span.trace().unwrap().parent(), &parent("01"));
        assert!(Span::start(None, "cache", Kind::Internal).trace().is_none());
    }
}
