use crate::{BadAnswer, Failure, Outage};

/// End of an ask, in fixed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer, of whatever content but the next.
    Ok,
    /// Definite answer that the provider has no such token.
    Inactive,
    /// No answer, or no connection, before the deadline.
    Timeout,
    /// No connection.
    Unreachable,
    /// Connection that was closed without an answer.
    Closed,
    /// Status 429.
    RateLimited,
    /// Any status of 5xx.
    ServerError,
    /// Answer that is not understood.
    BadAnswer,
    /// Refusal of our credentials.
    CredentialsRefused,
    /// No place among the provider's asks, at once or until the deadline.
    Overloaded,
    /// Breaker that is open, or a pause that the provider asked for.
    BreakerOpen,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Inactive,
        Self::Timeout,
        Self::Unreachable,
        Self::Closed,
        Self::RateLimited,
        Self::ServerError,
        Self::BadAnswer,
        Self::CredentialsRefused,
        Self::Overloaded,
        Self::BreakerOpen,
    ];

    /// Word in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Inactive => "inactive",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Closed => "closed",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::BadAnswer => "bad_answer",
            Self::CredentialsRefused => "credentials_refused",
            Self::Overloaded => "overloaded",
            Self::BreakerOpen => "breaker_open",
        }
    }

    /// Returns the outcome that a failure is; `None` where the provider and the way to it had no
    /// part in it.
    pub const fn of(failure: &Failure) -> Option<Self> {
        Some(match failure {
            Failure::Timeout | Failure::ConnectTimeout | Failure::ProxyTimeout => Self::Timeout,
            Failure::QueueTimeout => Self::Overloaded,
            Failure::Unavailable { outage, .. } => match outage {
                Outage::Unreachable(_) | Outage::NoMetadata => Self::Unreachable,
                Outage::Closed => Self::Closed,
                Outage::Status(429) => Self::RateLimited,
                Outage::Status(_) => Self::ServerError,
                Outage::Overloaded => Self::Overloaded,
                Outage::BreakerOpen | Outage::Throttled => Self::BreakerOpen,
                // Fetches of keys are counted by themselves.
                Outage::KeysMissing
                | Outage::Purged
                | Outage::Abandoned
                | Outage::Bindings(_)
                | Outage::NotSaved
                | Outage::NotShared => {
                    return None;
                }
            },
            Failure::BadAnswer(BadAnswer::Status(500..)) => Self::ServerError,
            Failure::BadAnswer(_) if failure.refuses_credentials() => Self::CredentialsRefused,
            Failure::BadAnswer(_) => Self::BadAnswer,
            Failure::Unsupported => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unreachable;

    #[test]
    fn each_failure_of_a_provider_has_its_word() {
        for (failure, word) in [
            (Failure::Timeout, "timeout"),
            (Failure::ConnectTimeout, "timeout"),
            (Failure::QueueTimeout, "overloaded"),
            (Failure::outage(Outage::Overloaded), "overloaded"),
            (Failure::outage(Outage::BreakerOpen), "breaker_open"),
            (Failure::outage(Outage::Throttled), "breaker_open"),
            (
                Failure::outage(Outage::Unreachable(Unreachable::Refused)),
                "unreachable",
            ),
            (Failure::outage(Outage::Closed), "closed"),
            (Failure::outage(Outage::Status(429)), "rate_limited"),
            (Failure::outage(Outage::Status(503)), "server_error"),
            (BadAnswer::Status(500).into(), "server_error"),
            (BadAnswer::Status(418).into(), "bad_answer"),
            (BadAnswer::NotAnObject.into(), "bad_answer"),
            (BadAnswer::Credentials(403).into(), "credentials_refused"),
            (BadAnswer::Grant.into(), "credentials_refused"),
        ] {
            let outcome = Outcome::of(&failure);
            assert_eq!(outcome.map(Outcome::as_str), Some(word), "{failure:?}");
        }
    }

    #[test]
    fn failure_of_our_own_is_no_outcome_of_an_ask() {
        for ours in [
            Outage::KeysMissing,
            Outage::Purged,
            Outage::Abandoned,
            Outage::NotSaved,
            Outage::NotShared,
        ] {
            assert_eq!(Outcome::of(&Failure::outage(ours)), None);
        }
        assert_eq!(Outcome::of(&Failure::Unsupported), None);
    }
}
