use introspectd_core::{Count, Failure, PerThread};
use introspectd_resolver::Source;

use crate::event::{Headline, Operation, Outcome};
use crate::refusal::{CallerFault, ClientFault, RecordFault, Refusal, RequestFault};

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

impl OutcomeClass {
    /// Classifies the outcome of a request; `None` if its caller left before there was one.
    #[inline]
    pub fn of(headline: &Headline<'_>) -> Option<Self> {
        match headline.outcome {
            Outcome::Done => Some(match headline.operation {
                Operation::Introspect | Operation::IntrospectById => Self::Active,
                Operation::Decide => Self::Allowed,
                Operation::Lookup
                | Operation::List
                | Operation::Revoke
                | Operation::Purge
                | Operation::Bind
                | Operation::Issue
                | Operation::Explain
                | Operation::Providers
                | Operation::Unknown => Self::Ok,
            }),
            Outcome::Inactive(_) => Some(Self::Inactive),
            Outcome::Refused(refusal) => Some(refusal.into()),
            Outcome::Abandoned => None,
        }
    }
}

impl From<&Refusal> for OutcomeClass {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Request(RequestFault::NotFound) => Self::NotFound,
            Refusal::Request(
                RequestFault::Invalid(_)
                | RequestFault::MethodNotAllowed
                | RequestFault::TooLarge
                | RequestFault::HeadTooLong
                | RequestFault::TooSlow
                | RequestFault::NotForm
                | RequestFault::NotJson,
            ) => Self::InvalidRequest,
            Refusal::Caller(CallerFault::Unauthenticated | CallerFault::UnauthenticatedProxy) => {
                Self::Unauthenticated
            }
            Refusal::Caller(CallerFault::AccessDenied) => Self::Forbidden,
            Refusal::Client(ClientFault::NoPolicy) => Self::NotFound,
            Refusal::Client(
                ClientFault::MissingToken
                | ClientFault::InvalidToken(_)
                | ClientFault::InsufficientScope { .. },
            ) => Self::Denied,
            Refusal::Record(RecordFault::NoSuchToken) => Self::NotFound,
            Refusal::Record(RecordFault::BoundToOtherId | RecordFault::Revoked) => {
                Self::InvalidRequest
            }
            Refusal::Provider(fault) => match fault.failure() {
                Failure::Timeout | Failure::ConnectTimeout | Failure::QueueTimeout => Self::Timeout,
                Failure::Unavailable { .. } => Self::Unavailable,
                Failure::BadAnswer(_) => Self::UpstreamError,
                Failure::Unsupported => Self::Unsupported,
            },
            Refusal::Service(_) => Self::Unavailable,
        }
    }
}

impl CacheUse {
    /// Returns the part of the cache in a request's answer. A request whose provider failed had
    /// nothing from it: a miss.
    #[inline]
    pub fn of(headline: &Headline<'_>) -> Self {
        match headline.source {
            Some(Source::Hit) => Self::Hit,
            Some(Source::Coalesced) => Self::Coalesced,
            Some(Source::Miss) => Self::Miss,
            Some(Source::Stale) => Self::Stale,
            None => match (headline.operation, headline.outcome) {
                (
                    Operation::Introspect | Operation::IntrospectById | Operation::Decide,
                    Outcome::Refused(Refusal::Provider(_)),
                ) => Self::Miss,
                _ => Self::None,
            },
        }
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
