use std::fmt;
use std::sync::Arc;

use introspectd_core::{Clock, PerThread};
use introspectd_service::{
    CacheUse, CallerTally, EndpointName, Event, Headline, Observed, Observer, OutcomeClass,
};
use prometheus_client::encoding::DescriptorEncoder;

use crate::family::{self, histogram};
use crate::histogram::{Histogram, Sums};

/// Counter of requests, by the caller's own tally, and of how long they took.
///
/// A hit adds one to each of two counts, and its duration to a third, all of them this thread's
/// own.
pub struct RequestCounter {
    clock: Arc<dyn Clock>,
    strangers: CallerTally,
    durations: PerThread<Durations>,
}

type Durations = [[Histogram; CacheUse::ALL.len()]; EndpointName::ALL.len()];

impl RequestCounter {
    /// Creates an observer that counts nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            strangers: CallerTally::default(),
            durations: PerThread::default(),
        }
    }

    /// Requests of unknown callers.
    pub(crate) fn strangers(&self) -> &CallerTally {
        &self.strangers
    }

    pub(crate) fn encode_durations(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut rows = Vec::new();
        for endpoint in EndpointName::ALL {
            for cache in CacheUse::ALL {
                let sums = self.sums(*endpoint, *cache);
                if sums.count() > 0 {
                    let labels = [("endpoint", endpoint.as_str()), ("cache", cache.as_str())];
                    let (seconds, buckets) = (sums.seconds(), sums.buckets());
                    rows.push((labels, family::Durations { seconds, buckets }));
                }
            }
        }
        histogram(
            to,
            "introspectd_request_duration_seconds",
            "Time from a request's head to its reply, by endpoint and use of the cache",
            rows,
        )
    }

    fn sums(&self, endpoint: EndpointName, cache: CacheUse) -> Sums {
        let mut sums = Sums::default();
        self.durations.each(|durations| {
            let of_endpoint = durations.get(endpoint as usize);
            if let Some(histogram) = of_endpoint.and_then(|it| it.get(cache as usize)) {
                sums.add(histogram);
            }
        });
        sums
    }
}

impl Observer for RequestCounter {
    fn counts(&self) -> bool {
        true
    }

    #[inline]
    fn count(&self, headline: &Headline<'_>) {
        let Some(class) = OutcomeClass::of(headline) else {
            return;
        };
        let context = &headline.context;
        let endpoint = context.begun.endpoint;
        let tally = context
            .caller
            .map_or(&self.strangers, |caller| &*caller.tally);
        tally.count(endpoint, class);
        let took = self.clock.elapsed().saturating_sub(context.begun.at);
        let of_endpoint = self.durations.here().get(endpoint as usize);
        let cache = CacheUse::of(headline) as usize;
        if let Some(histogram) = of_endpoint.and_then(|it| it.get(cache)) {
            histogram.count(took);
        }
    }

    fn wants(&self, _: &Headline<'_>) -> bool {
        false
    }

    fn observe(&self, _: &Event<'_>) -> Observed {
        Observed::Unrecorded
    }
}

impl fmt::Debug for RequestCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestCounter").finish_non_exhaustive()
    }
}
