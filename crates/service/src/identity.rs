use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use introspectd_core::ask::Context;
use introspectd_core::trace::{Span, Trace, Tracer};
use secrecy::SecretString;

use crate::proposed::{RequestIds, named_trace, proposed_id};
use crate::tally::EndpointName;

/// Place and time of a request's arrival.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// Endpoint that the request came to.
    pub endpoint: EndpointName,
    /// Time by [`Clock::elapsed`](introspectd_core::Clock::elapsed).
    pub at: Duration,
}

/// Identity of a request in logs and traces, made when it is first needed: a hit that is not traced
/// needs none, and pays for one empty cell.
pub struct Identity<'a> {
    request: &'a (dyn RequestIds + Sync),
    known: OnceLock<Box<Known>>,
}

struct Known {
    /// Span of the request; `None` if it is not sampled.
    span: Option<Mutex<Span>>,
    context: OnceLock<Context>,
}

impl<'a> Identity<'a> {
    /// Creates the identity of a request.
    #[inline]
    pub fn new(request: &'a (dyn RequestIds + Sync)) -> Self {
        Self {
            request,
            known: OnceLock::new(),
        }
    }

    /// Returns the context of the work for the request. It is part of the trace of its span, or of
    /// its caller.
    pub(crate) fn context(&self, tracer: Option<&Tracer>, begun: Begun) -> &Context {
        let Known { span, context } = self.known(tracer, begun);
        context.get_or_init(|| {
            let ours = span.as_ref().and_then(|span| lock(span).trace());
            let trace = ours.or_else(|| named_trace(self.request).map(Trace::of_caller));
            Context::new(trace, proposed_id(self.request))
        })
    }

    /// Decides whether the request is sampled, once.
    pub(crate) fn sample(&self, tracer: &Tracer, begun: Begun) {
        self.known(Some(tracer), begun);
    }

    /// Ends the span of a request that is sampled, after `describe`.
    pub(crate) fn end_span(&self, tracer: &Tracer, begun: Begun, describe: impl FnOnce(&mut Span)) {
        match self.known.get() {
            Some(known) => {
                if let Some(span) = &known.span {
                    describe(&mut lock(span));
                }
            }
            // Nobody needed it: it begins and ends here.
            None => {
                if let Some(mut span) = self.begin(tracer, begun) {
                    describe(&mut span);
                }
            }
        }
    }

    fn known(&self, tracer: Option<&Tracer>, begun: Begun) -> &Known {
        self.known.get_or_init(|| {
            let span = tracer.and_then(|tracer| self.begin(tracer, begun));
            Box::new(Known {
                span: span.map(Mutex::new),
                context: OnceLock::new(),
            })
        })
    }

    fn begin(&self, tracer: &Tracer, begun: Begun) -> Option<Span> {
        let parent = named_trace(self.request);
        tracer.begin(parent.as_ref(), begun.endpoint.as_str(), begun.at)
    }
}

fn lock(span: &Mutex<Span>) -> MutexGuard<'_, Span> {
    span.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Identity of a request without any, as in tests.
impl Default for Identity<'_> {
    fn default() -> Self {
        Self::new(&Anonymous)
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

struct Anonymous;

impl RequestIds for Anonymous {
    fn proposed(&self) -> Option<&str> {
        None
    }

    fn credentials(&self) -> Vec<SecretString> {
        Vec::new()
    }
}
