use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{BadAnswer, Failure};

/// Health of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Unknown: no request yet.
    #[default]
    Unknown,
    /// The provider answered the last request.
    Good,
    /// The last request failed in a way that cannot depend on the token.
    Failing,
    /// The provider is not asked for now: its circuit breaker is open, or it asked for a pause.
    Open,
    /// The provider, or its token endpoint, refused our credentials, and has not accepted them
    /// since.
    CredentialsRefused,
}

/// Record of a provider's health, kept where its requests are sent.
#[derive(Debug, Default)]
pub struct HealthRecord(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    last: Last,
    /// The last request with our credentials was refused because of them.
    is_refused: bool,
    /// The last grant was refused, which an earlier token hides for as long as it lasts.
    is_grant_refused: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    None,
    Answered,
    Failed,
}

impl HealthRecord {
    /// Observes a request that brought our credentials. A failure of our own, before anything was
    /// sent, changes nothing.
    pub fn observe(&self, outcome: Result<(), &Failure>) {
        let Some(last) = Last::of(outcome) else {
            return;
        };
        let mut record = self.lock();
        record.last = last;
        if last == Last::Answered {
            record.is_refused = outcome.is_err_and(Failure::refuses_credentials);
        }
    }

    /// Observes a request that brought somebody else's credentials, whose success says nothing
    /// about ours.
    pub fn observe_relayed(&self, outcome: Result<(), &Failure>) {
        if let Some(last) = Last::of(outcome) {
            self.lock().last = last;
        }
    }

    /// Observes a grant of a credential of our own.
    pub fn observe_grant(&self, outcome: Result<(), &Failure>) {
        match outcome {
            Ok(()) => self.lock().is_grant_refused = false,
            Err(failure) if failure.refuses_credentials() => self.lock().is_grant_refused = true,
            Err(_) => {}
        }
    }

    /// Returns the health by what was observed.
    pub fn current(&self) -> Health {
        let record = self.lock();
        match record.last {
            Last::Failed => Health::Failing,
            Last::None | Last::Answered if record.is_refused || record.is_grant_refused => {
                Health::CredentialsRefused
            }
            Last::None => Health::Unknown,
            Last::Answered => Health::Good,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    /// Reads an outcome, if the provider had a part in it.
    fn of(outcome: Result<(), &Failure>) -> Option<Self> {
        match outcome {
            Ok(()) => Some(Self::Answered),
            Err(failure) if failure.trips_breaker() => Some(Self::Failed),
            // The provider itself was not reached.
            Err(Failure::BadAnswer(BadAnswer::GrantMember(_))) => None,
            Err(Failure::BadAnswer(_)) => Some(Self::Answered),
            Err(
                Failure::Timeout
                | Failure::ConnectTimeout
                | Failure::ProxyTimeout
                | Failure::QueueTimeout
                | Failure::Unavailable { .. }
                | Failure::Unsupported,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outage;

    fn after(failures: &[Failure]) -> Health {
        let record = HealthRecord::default();
        for failure in failures {
            record.observe(Err(failure));
        }
        record.current()
    }

    #[test]
    fn refused_credentials_are_unhealthy_and_count_for_no_breaker() {
        for refusal in [
            BadAnswer::Credentials(401),
            BadAnswer::Credentials(403),
            BadAnswer::Grant,
        ] {
            let refusal = Failure::from(refusal);
            assert!(
                refusal.refuses_credentials()
                    && !refusal.trips_breaker()
                    && !refusal.allows_stale()
            );
            assert_eq!(after(&[refusal]), Health::CredentialsRefused);
        }
    }

    #[test]
    fn failure_that_cannot_depend_on_a_token_is_failing_and_any_other_response_is_good() {
        for failure in [
            Failure::Timeout,
            Failure::outage(Outage::Closed),
            BadAnswer::Status(500).into(),
        ] {
            assert_eq!(after(&[failure]), Health::Failing);
        }
        for response in [
            BadAnswer::OtherToken,
            BadAnswer::Status(418),
            BadAnswer::TooLarge,
        ] {
            assert_eq!(after(&[response.into()]), Health::Good);
        }
    }

    #[test]
    fn failure_of_our_own_changes_nothing() {
        for ours in [
            Outage::Overloaded,
            Outage::BreakerOpen,
            Outage::Throttled,
            Outage::Abandoned,
        ]
        .map(Failure::outage)
        .into_iter()
        .chain([Failure::QueueTimeout])
        {
            assert_eq!(after(std::slice::from_ref(&ours)), Health::Unknown);
            assert_eq!(
                after(&[BadAnswer::Grant.into(), ours]),
                Health::CredentialsRefused
            );
        }
    }

    #[test]
    fn success_with_the_credentials_of_another_does_not_make_ours_good() {
        let record = HealthRecord::default();
        record.observe(Err(&BadAnswer::Credentials(401).into()));
        record.observe_relayed(Ok(()));
        assert_eq!(record.current(), Health::CredentialsRefused);
        record.observe_relayed(Err(&Failure::Timeout));
        assert_eq!(record.current(), Health::Failing);
        record.observe_relayed(Ok(()));
        assert_eq!(record.current(), Health::CredentialsRefused);
        record.observe(Ok(()));
        assert_eq!(record.current(), Health::Good);
    }

    #[test]
    fn refused_credentials_are_never_good_whatever_came_between() {
        let record = HealthRecord::default();
        record.observe(Err(&BadAnswer::Credentials(401).into()));
        record.observe(Err(&Failure::Timeout));
        assert_eq!(record.current(), Health::Failing);
        record.observe_relayed(Ok(()));
        assert_eq!(record.current(), Health::CredentialsRefused);
    }

    #[test]
    fn refused_grant_is_never_good_although_an_earlier_token_still_serves() {
        let record = HealthRecord::default();
        record.observe_grant(Ok(()));
        record.observe(Ok(()));
        assert_eq!(record.current(), Health::Good);
        record.observe_grant(Err(&BadAnswer::Grant.into()));
        record.observe(Ok(()));
        record.observe_grant(Err(&Failure::Timeout));
        assert_eq!(record.current(), Health::CredentialsRefused);
        record.observe_grant(Ok(()));
        assert_eq!(record.current(), Health::Good);
    }

    #[test]
    fn grant_that_had_no_answer_refuses_nothing() {
        let record = HealthRecord::default();
        record.observe(Ok(()));
        record.observe_grant(Err(&Failure::Timeout));
        assert_eq!(record.current(), Health::Good);
    }

    #[test]
    fn unusable_grant_says_nothing_about_the_provider() {
        let unusable = Failure::from(BadAnswer::GrantMember("expires_in"));
        assert_eq!(after(&[unusable]), Health::Unknown);
    }
}
