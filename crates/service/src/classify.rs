use introspectd_core::Failure;
use introspectd_resolver::Source;

use crate::event::{Headline, Operation, Outcome};
use crate::refusal::{
    CallerFault, ClientFault, EventFault, RecordFault, Refusal, RequestFault, ServiceFault,
};
use crate::tally::{CacheUse, OutcomeClass};

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
                | Operation::ReceiveEvent
                | Operation::LogOut
                | Operation::RevokeSubject
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
                | RequestFault::NotJson
                | RequestFault::NotSecurityEvent
                | RequestFault::NotSignable,
            ) => Self::InvalidRequest,
            Refusal::Caller(CallerFault::Unauthenticated | CallerFault::UnauthenticatedProxy) => {
                Self::Unauthenticated
            }
            Refusal::Caller(CallerFault::AccessDenied) => Self::Forbidden,
            Refusal::Caller(CallerFault::RateLimited { .. }) => Self::RateLimited,
            Refusal::Client(ClientFault::NoPolicy) => Self::NotFound,
            Refusal::Client(
                ClientFault::MissingToken
                | ClientFault::InvalidToken(_)
                | ClientFault::InvalidProof(_)
                | ClientFault::NonceNeeded { .. }
                | ClientFault::InsufficientScope { .. },
            ) => Self::Denied,
            Refusal::Record(RecordFault::NoSuchToken | RecordFault::NoSuchSubject) => {
                Self::NotFound
            }
            Refusal::Record(RecordFault::BoundToOtherId | RecordFault::Revoked) => {
                Self::InvalidRequest
            }
            Refusal::Provider(fault) => match fault.failure() {
                Failure::Timeout
                | Failure::ConnectTimeout
                | Failure::ProxyTimeout
                | Failure::QueueTimeout => Self::Timeout,
                Failure::Unavailable { .. } => Self::Unavailable,
                Failure::BadAnswer(_) => Self::UpstreamError,
                Failure::Unsupported => Self::Unsupported,
            },
            Refusal::Event(EventFault::NotAuthenticated) => Self::Unauthenticated,
            Refusal::Event(EventFault::NotPushed) => Self::Forbidden,
            Refusal::Event(EventFault::Token(_)) => Self::InvalidRequest,
            Refusal::Service(
                ServiceFault::NotCounted
                | ServiceFault::NotSigned
                | ServiceFault::NotShared
                | ServiceFault::KeysMissing { .. },
            ) => Self::Unavailable,
            Refusal::Service(ServiceFault::Shed) => Self::Shed,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RequestContext;
    use crate::identity::{Begun, Identity};
    use crate::refusal::Inactive;
    use crate::tally::EndpointName;
    use std::time::Duration;

    fn headline(operation: Operation, outcome: Outcome<'_>) -> Headline<'_> {
        let begun = Begun {
            endpoint: EndpointName::Other,
            at: Duration::ZERO,
        };
        let context = RequestContext {
            origin: &"test",
            caller: None,
            policy: None,
            begun,
            identity: Box::leak(Box::<Identity<'_>>::default()),
        };
        Headline {
            operation,
            outcome,
            source: None,
            context,
        }
    }

    #[test]
    fn every_outcome_has_a_class_unless_the_caller_left() {
        let denied = ClientFault::MissingToken.into();
        let timeout = Failure::Timeout.into();
        for (outcome, class) in [
            (Outcome::Done, Some(OutcomeClass::Allowed)),
            (
                Outcome::Inactive(Inactive::Expired),
                Some(OutcomeClass::Inactive),
            ),
            (Outcome::Refused(&denied), Some(OutcomeClass::Denied)),
            (Outcome::Refused(&timeout), Some(OutcomeClass::Timeout)),
            (Outcome::Abandoned, None),
        ] {
            let headline = headline(Operation::Decide, outcome);
            assert_eq!(OutcomeClass::of(&headline), class, "{outcome:?}");
        }
    }

    #[test]
    fn only_an_answer_about_a_token_that_failed_is_a_miss_without_a_source() {
        let failed = Failure::Timeout.into();
        let denied = ClientFault::MissingToken.into();
        for (operation, refusal, cache_use) in [
            (Operation::Introspect, &failed, CacheUse::Miss),
            (Operation::Decide, &failed, CacheUse::Miss),
            (Operation::Decide, &denied, CacheUse::None),
            (Operation::Revoke, &failed, CacheUse::None),
        ] {
            let headline = headline(operation, Outcome::Refused(refusal));
            assert_eq!(CacheUse::of(&headline), cache_use, "{operation:?}");
        }
    }
}
