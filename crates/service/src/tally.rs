use introspectd_core::{Count, PerThread};

/// Declares an enum of fixed words, in the order in which they are counted.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the words are the documentation")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the word, as metrics and traces have it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// Endpoint that a request came to.
    EndpointName {
        Introspect = "introspect",
        ForwardAuth = "forward_auth",
        ExtAuthz = "ext_authz",
        Revoke = "revoke",
        Tokens = "tokens",
        Record = "record",
        Purge = "purge",
        Explain = "explain",
        Bindings = "bindings",
        Issue = "issue",
        Providers = "providers",
        Other = "other",
    }
}

words! {
    /// Outcome of a request, in one of a few words.
    OutcomeClass {
        Active = "active",
        Inactive = "inactive",
        Allowed = "allowed",
        Denied = "denied",
        Ok = "ok",
        InvalidRequest = "invalid_request",
        Unauthenticated = "unauthenticated",
        Forbidden = "forbidden",
        RateLimited = "rate_limited",
        Shed = "shed",
        NotFound = "not_found",
        Unsupported = "unsupported",
        UpstreamError = "upstream_error",
        Unavailable = "unavailable",
        Timeout = "timeout",
    }
}

words! {
    /// Part of the cache in a request's answer.
    CacheUse {
        Hit = "hit",
        Coalesced = "coalesced",
        Miss = "miss",
        Stale = "stale",
        None = "none",
    }
}

/// Requests of one caller, or of all unknown ones, by endpoint and outcome.
#[derive(Debug, Default)]
pub struct CallerTally(PerThread<ByEndpoint>);

type ByEndpoint = [[Count; OutcomeClass::ALL.len()]; EndpointName::ALL.len()];

impl CallerTally {
    /// Counts a request.
    #[inline]
    pub fn count(&self, endpoint: EndpointName, class: OutcomeClass) {
        let counts = self.0.here().get(endpoint as usize);
        if let Some(count) = counts.and_then(|counts| counts.get(class as usize)) {
            count.add(1);
        }
    }

    /// Returns the number of requests at an endpoint with an outcome.
    pub fn total(&self, endpoint: EndpointName, class: OutcomeClass) -> u64 {
        self.0.sum(|counts| {
            let counts = counts.get(endpoint as usize);
            counts
                .and_then(|counts| counts.get(class as usize))
                .map_or(0, Count::get)
        })
    }
}

/// Requests in flight.
#[derive(Debug, Default)]
pub(crate) struct InFlight(PerThread<Passed>);

/// Requests that came and went, by the threads that saw them. Both only grow, so that a request may
/// end on another thread than it began.
#[derive(Debug, Default)]
struct Passed {
    begun: Count,
    ended: Count,
}

/// Request that counts as in flight until it is dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a InFlight);

impl InFlight {
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.0.here().begun.add(1);
        Entered(self)
    }

    /// Number of requests in flight.
    pub(crate) fn count(&self) -> u64 {
        // First: a request that ends in between is not missing.
        let ended = self.0.sum(|passed| passed.ended.get());
        let begun = self.0.sum(|passed| passed.begun.get());
        begun.saturating_sub(ended)
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.0.here().ended.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_in_flight_until_it_is_dropped_wherever_that_is() {
        let in_flight = InFlight::default();
        let (one, other) = (in_flight.enter(), in_flight.enter());
        assert_eq!(in_flight.count(), 2);
        std::thread::scope(|scope| scope.spawn(|| drop(one)).join()).unwrap();
        assert_eq!(in_flight.count(), 1);
        drop(other);
        assert_eq!(in_flight.count(), 0);
    }

    #[test]
    fn every_endpoint_and_outcome_is_counted_apart() {
        let tally = CallerTally::default();
        let all = || {
            EndpointName::ALL
                .iter()
                .flat_map(|it| OutcomeClass::ALL.iter().map(move |class| (*it, *class)))
        };
        for (times, (endpoint, class)) in (1_u64..).zip(all()) {
            (0..times).for_each(|_| tally.count(endpoint, class));
        }
        for (times, (endpoint, class)) in (1_u64..).zip(all()) {
            assert_eq!(
                tally.total(endpoint, class),
                times,
                "{endpoint:?} {class:?}"
            );
        }
    }
}
