use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Failure;

/// Health of a provider, by its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Unknown: no request yet.
    #[default]
    Unknown,
    /// The provider responded.
    Good,
    /// The request failed in a way that cannot depend on the token.
    Failing,
    /// The provider, or its token endpoint, refused our credentials.
    CredentialsRefused,
}

/// Record of a provider's health, kept where its requests are sent.
#[derive(Debug, Default)]
pub struct HealthRecord(Mutex<Health>);

impl HealthRecord {
    /// Observes a request that brought our credentials. A failure of our own, before anything was
    /// sent, changes nothing.
    pub fn observe(&self, outcome: Result<(), &Failure>) {
        if let Some(health) = Health::after(outcome) {
            *self.lock() = health;
        }
    }

    /// Observes a request that brought somebody else's credentials, whose success says nothing
    /// about ours.
    pub fn observe_relayed(&self, outcome: Result<(), &Failure>) {
        let mut held = self.lock();
        match Health::after(outcome) {
            Some(Health::Good) if *held == Health::CredentialsRefused => {}
            Some(health) => *held = health,
            None => {}
        }
    }

    /// Returns the health by the last request.
    pub fn current(&self) -> Health {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    /// Returns the health that an outcome shows, if the provider had a part in it.
    fn after(outcome: Result<(), &Failure>) -> Option<Self> {
        match outcome {
            Ok(()) => Some(Self::Good),
            Err(failure) if failure.refuses_credentials() => Some(Self::CredentialsRefused),
            Err(failure) if failure.is_unhealthy() => Some(Self::Failing),
            Err(Failure::BadAnswer(_)) => Some(Self::Good),
            Err(
                Failure::Timeout
                | Failure::ConnectTimeout
                | Failure::Unavailable { .. }
                | Failure::Unsupported,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BadAnswer, Outage};

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
            assert!(refusal.is_unhealthy() && !refusal.trips_breaker() && !refusal.allows_stale());
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
        for ours in [Outage::Overloaded, Outage::Abandoned].map(Failure::outage) {
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
        record.observe_relayed(Ok(()));
        assert_eq!(record.current(), Health::Good);
    }
}
